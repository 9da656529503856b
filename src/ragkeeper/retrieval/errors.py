"""How searches fail."""

from ragkeeper.core.errors import RagkeeperError


class QueryEmpty(RagkeeperError):
    """The question is empty."""

    code = "query_empty"
    status = 400
    fix = "Send at least one word."


class QueryTooLong(RagkeeperError):
    """The question has {length} characters, and the limit is {limit}."""

    code = "query_too_long"
    status = 413
    fix = "Shorten it, or raise RAG_MAX_QUESTION_CHARACTERS and restart."
