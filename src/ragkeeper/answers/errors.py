"""How answering fails."""

from ragkeeper.core.errors import RagkeeperError


class StreamTimedOut(RagkeeperError):
    """The answer was not finished within {seconds} seconds; it was still {stage}."""

    code = "TIMEOUT"
    status = 504
    fix = "Ask for less, raise `stream_timeout` up to RAG_STREAM_TIMEOUT, or use a faster model."
