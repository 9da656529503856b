"""What can be wrong with one item, or with what a source says about itself."""

from ragkeeper.ingestion.sources.errors import SourceError


class ItemUnavailable(SourceError):
    """{location} cannot be read: {reason}."""

    code = "source_item_unavailable"
    status = 503
    fix = "What was taken in before stays; the next run tries again."


class ItemTooLarge(SourceError):
    """{location} is larger than the {limit} bytes that one item may have."""

    code = "source_item_too_large"
    status = 413
    fix = "Raise RAG_MAX_UPLOAD_MB, or leave the item out of the source."


class SourceMalformed(SourceError):
    """{location} cannot be understood: {reason}."""

    code = "source_malformed"
    status = 422
    fix = "Correct it where it is published. Nothing was removed; the next run tries again."


class SourceTooLarge(SourceError):
    """{location} has more than the {limit} items that one source may have."""

    code = "source_too_large"
    status = 413
    fix = "Narrow the source (prefix, path, patterns), or split it in two. Nothing was removed."


class ServerSilent(ItemUnavailable):
    """{location} cannot be read: {reason}."""
