"""How requests about documents fail."""

from ragkeeper.core.errors import RagkeeperError


class CollectionUnknown(RagkeeperError):
    """There is no collection named {name} that you may see."""

    code = "collection_unknown"
    status = 404
    fix = "`ragkeeper documents collections` lists yours; `ragkeeper documents create-collection NAME` makes one."


class CollectionExists(RagkeeperError):
    """A collection named {name} exists already."""

    code = "collection_exists"
    status = 409
    fix = "Use it, or choose another name."


class DocumentUnknown(RagkeeperError):
    """There is no document {id} that you may see."""

    code = "document_unknown"
    status = 404
    fix = "`ragkeeper documents list` shows what there is."


class DocumentNotReadable(RagkeeperError):
    """The document {id} has no text: {reason}."""

    code = "document_not_readable"
    status = 409
    fix = "`ragkeeper documents show {id}` says how far it got; wait, or retry it once the cause is gone."


class NothingToRetry(RagkeeperError):
    """The newest version of document {id} has not failed; it is {status}."""

    code = "nothing_to_retry"
    status = 409
    fix = "Only failed versions are retried."


class NothingSelected(RagkeeperError):
    """A deletion names either documents or conditions, and at least one of them."""

    code = "nothing_selected"
    status = 422
    fix = "Send `ids`, or `filter` with at least one condition; to empty a collection name it in `filter.collection`."


class OriginalsForeign(RagkeeperError):
    """The database names {used} of the original files and knows nothing of {unused} others; nothing was deleted."""

    code = "originals_foreign"
    status = 500
    fix = "Is it the right database (RAG_DATA_DIR, DATABASE_URL), all of it? If so, move the other files away yourself."


class DeletionUnknown(RagkeeperError):
    """There is no deletion {id} whose receipt you may see."""

    code = "deletion_unknown"
    status = 404
    fix = "`ragkeeper documents receipts` lists yours."


class DescriptionInvalid(RagkeeperError):
    """The {field} cannot be kept: {reason}."""

    code = "description_invalid"
    status = 422
    fix = (
        "Metadata takes 64 fields, names of 100 characters, texts of 1,000, finite numbers and whole ones of 64 bits; "
        "titles take 1,000 characters. None may hold NUL or half a character."
    )


class OriginalMissing(RagkeeperError):
    """The original file of version {version} of document {id} is no longer there."""

    code = "original_missing"
    status = 410
    fix = "Its text is still at `GET /api/v1/documents/{id}/content`; send the file again to have an original again."


class NotDiscardable(RagkeeperError):
    """The job {id} cannot be discarded: only the newest version of a document can, when it failed or was cancelled."""

    code = "job_not_discardable"
    status = 409
    fix = "To remove what searches find, delete the document: `ragkeeper documents delete ID`."
