"""How conversations fail."""

from ragkeeper.core.errors import RagkeeperError


class ConversationUnknown(RagkeeperError):
    """You have no conversation {id}."""

    code = "conversation_unknown"
    status = 404
    fix = "Leave out `conversation_id` to begin a new one; GET /api/v1/conversations lists yours."
