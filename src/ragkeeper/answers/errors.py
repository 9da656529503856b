"""How answering fails."""

from ragkeeper.core.errors import RagkeeperError


class StreamTimedOut(RagkeeperError):
    """The answer was not finished within {seconds} seconds; it was still {stage}."""

    code = "TIMEOUT"
    status = 504
    fix = "Ask for less, raise `stream_timeout` up to RAG_STREAM_TIMEOUT, or use a faster model."


class MessagesInvalid(RagkeeperError):
    """The messages cannot be answered: {reason}."""

    code = "messages_invalid"
    status = 400
    fix = "Send messages of the roles system, developer, user, assistant or tool that end with a question of the user."
