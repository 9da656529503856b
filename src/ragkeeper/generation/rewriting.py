"""Questions rewritten by a model, before they are searched."""

from collections.abc import Sequence

from ragkeeper.generation.prompts import Turn, hyde_messages, multi_query_messages, rewrite_messages
from ragkeeper.providers.chat.port import ChatMessage, ChatModel

_REPLY_TOKENS = 200
_WORDINGS = 3


class ModelRewriter:
    """Fulfils `ragkeeper.retrieval.ports.QueryRewriter`. Raises ChatError; an empty reply changes nothing."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model

    async def standalone(self, question: str, history: Sequence[str]) -> str:
        told = [Turn(earlier, "") for earlier in history]
        return await self._reply(rewrite_messages(question, told)) or question

    async def hypothetical_answer(self, question: str) -> str:
        return await self._reply(hyde_messages(question)) or question

    async def rephrasings(self, question: str) -> list[str]:
        reply = await self._reply(multi_query_messages(question, _WORDINGS))
        return [line.strip(" -*•\t") for line in reply.splitlines() if line.strip(" -*•\t")]

    async def _reply(self, messages: Sequence[ChatMessage]) -> str:
        reply = await self._model.complete(messages, max_tokens=_REPLY_TOKENS, temperature=0.0)
        return reply.text.strip()
