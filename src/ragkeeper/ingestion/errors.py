"""The ways a file can fail to become searchable. `code` is what users, tables and retries see."""

from typing import ClassVar

from ragkeeper.core.errors import RagkeeperError


class IngestionError(RagkeeperError):
    """The file could not be read."""

    code = "file_unreadable"
    status = 422
    retryable: ClassVar[bool] = False


class FileMissing(IngestionError):
    """The file cannot be opened: {reason}."""

    code = "file_missing"
    fix = "Check that the file still exists and that the server's user may read it, then send it again."


class FileNotOpened(IngestionError):
    """The file could not be opened just now: {reason}."""

    code = "file_not_opened"
    status = 503
    retryable = True
    fix = (
        "The fault lies with the server, not the file: raise the limit it names (open files, memory) or check its disk."
    )


class FileEmpty(IngestionError):
    """The file is empty (0 bytes)."""

    code = "file_empty"
    fix = "Send the file again; the upload or the copy may have been cut off before it began."


class FileEncrypted(IngestionError):
    """The {kind} is protected with a password."""

    code = "file_encrypted"
    fix = "Remove the password (open it, save it without protection) and send it again."


class FileDamaged(IngestionError):
    """The {kind} is damaged: {reason}."""

    code = "file_damaged"
    fix = "Open the file in its own program, save it anew and send that copy; if it does not open there, restore it."


class FormatUnsupported(IngestionError):
    """Files of this kind cannot be read: {found}."""

    code = "format_unsupported"
    fix = "Save it as PDF, DOCX, HTML or plain text and send that."


class NoText(IngestionError):
    """No text was found in the {kind}."""

    code = "no_text"
    fix = "{hint}"


class ArchiveRefused(IngestionError):
    """The file is an archive ({found}), not a document."""

    code = "archive_refused"
    fix = "Unpack it and send the documents inside."


class ExpansionTooLarge(IngestionError):
    """The {kind} unpacks to more than it may: {reason}."""

    code = "expansion_too_large"
    fix = "If you trust the file, save it anew in smaller parts; files like this are made to exhaust servers."


class NestedTooDeeply(IngestionError):
    """The {kind} is nested more than {limit} levels deep."""

    code = "nested_too_deeply"
    fix = "Flatten the data or split it into several files."


class OutputTooLarge(IngestionError):
    """The file holds more than {limit} characters of text."""

    code = "output_too_large"
    fix = "Split the file into parts, or raise RAG_PARSER_CHARACTERS and restart."


class ParserTimedOut(IngestionError):
    """Reading the file took longer than {limit} seconds and was stopped."""

    code = "parser_timed_out"
    fix = "Retry when the machine is less busy, split the file, or raise RAG_PARSER_SECONDS."


class ParserOutOfMemory(IngestionError):
    """Reading the file needed more than {limit} MiB of memory and was stopped."""

    code = "parser_out_of_memory"
    fix = "Split the file or save it with smaller images, or raise RAG_PARSER_MEMORY_MB."


class ParserCrashed(IngestionError):
    """The reader stopped on this file: {reason}."""

    code = "parser_crashed"
    retryable = True
    fix = "Save the file anew in its own program and send that copy; other files are not affected."


class ReadingAbandoned(IngestionError):
    """The server stopped each of the {times} times that this file was being read."""

    code = "reading_abandoned"
    fix = "The server's log says why it stopped. Then retry the document, or save the file anew and send that copy."


class ParserUnavailable(IngestionError):
    """No reader process could be started: {reason}."""

    code = "parser_unavailable"
    status = 503
    retryable = True
    fix = "The message says which protection or resource the machine does not offer; provide it and retry the document."


def by_code() -> dict[str, type[IngestionError]]:
    """Return every ingestion error class under its stable code."""
    classes = [IngestionError]
    for known in classes:
        classes.extend(known.__subclasses__())
    return {known.code: known for known in classes}


class NameMissing(RagkeeperError):
    """The file has no usable name."""

    code = "name_missing"
    status = 400
    fix = "Send a file name, or the form field `name`."


class UploadInvalid(RagkeeperError):
    """The upload cannot be read: {reason}."""

    code = "upload_invalid"
    status = 422
    fix = "Send a multipart form with a part `file`, or JSON with `text`; see /docs."
