"""A message in, an answer out, both remembered."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

import structlog

from ragkeeper.answers.errors import StreamTimedOut
from ragkeeper.answers.models import AnswerEvent, AnswerResult, Done, Question, Token
from ragkeeper.answers.service import AnswerService
from ragkeeper.conversations import repository, rules
from ragkeeper.conversations.errors import ConversationUnknown
from ragkeeper.conversations.models import ChatRequest, ChatResult, Conversation, Message, Reply
from ragkeeper.core.access import Caller
from ragkeeper.core.clock import Clock
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.ids import new_id
from ragkeeper.providers.chat.errors import ChatError
from ragkeeper.retrieval.service import RetrievalService
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.errors import NotWritten

_log = structlog.get_logger()


class ConversationService:
    """refusal: why nothing may be kept at this moment; answers are given all the same, and say so."""

    def __init__(
        self,
        database: Database,
        answers: AnswerService,
        retrieval: RetrievalService,
        clock: Clock,
        refusal: Callable[[], RagkeeperError | None] = lambda: None,
    ) -> None:
        self._database = database
        self._refusal = refusal
        self._answers = answers
        self._retrieval = retrieval
        self._clock = clock

    async def ask(self, caller: Caller, request: ChatRequest) -> ChatResult:
        """Raises ConversationUnknown and what answering raises; nothing is remembered then."""
        conversation, question = await self._question(caller, request)
        result = await self._answers.answer(caller, question)
        return await self._finish(caller, conversation, request, result)

    async def stream(self, caller: Caller, request: ChatRequest) -> AsyncGenerator[AnswerEvent | ChatResult, None]:
        """The answer's events; instead of its Done comes the remembered result.

        A reply that runs out of time or breaks off is remembered as unfinished, then the error is raised.
        """
        conversation, question = await self._question(caller, request)
        written: list[str] = []
        try:
            async with aclosing(self._answers.stream(caller, question)) as events:
                async for event in events:
                    written.append(event.text if isinstance(event, Token) else "")
                    yield await self._kept(caller, conversation, request, event)
        except (StreamTimedOut, ChatError) as error:
            await self._kept_or_not(caller, conversation, request, rules.unfinished("".join(written), error.code))
            raise

    async def find_all(self, caller: Caller, *, after: str | None, limit: int) -> list[Conversation]:
        async with self._database.read() as sql:
            return await repository.list_conversations(sql, caller.id, after=after, limit=limit)

    async def get(self, caller: Caller, conversation_id: str) -> Conversation:
        """Raises ConversationUnknown, also for somebody else's."""
        async with self._database.read() as sql:
            found = await repository.find_conversation(sql, conversation_id, caller.id)
        if found is None:
            raise ConversationUnknown(id=conversation_id)
        return found

    async def messages(self, caller: Caller, conversation_id: str, *, after: str, limit: int) -> list[Message]:
        """Oldest first; citations of sources that are gone have lost their text."""
        await self.get(caller, conversation_id)
        async with self._database.read() as sql:
            found = await repository.list_messages(sql, conversation_id, caller.id, after=after, limit=limit)
        current = await self._retrieval.still_current(sorted(rules.cited_versions(found)))
        return [rules.shown(message, current) for message in found]

    async def delete(self, caller: Caller, conversation_id: str) -> None:
        """Raises ConversationUnknown."""
        async with self._database.write() as sql:
            if not await repository.remove_conversation(sql, conversation_id, caller.id):
                raise ConversationUnknown(id=conversation_id)

    async def _question(self, caller: Caller, request: ChatRequest) -> tuple[Conversation, Question]:
        if request.conversation_id is None:
            conversation = self._new_conversation(caller, request)
            recalled: list[Message] = []
        else:
            conversation = await self.get(caller, request.conversation_id)
            async with self._database.read() as sql:
                newest = await repository.newest_messages(sql, conversation.id, caller.id, rules.RECALLED)
            current = await self._retrieval.still_current(sorted(rules.cited_versions(newest)))
            recalled = [rules.shown(message, current) for message in newest]
        question = Question(
            text=request.message,
            collection=request.collection or conversation.collection,
            top_k=request.top_k,
            history=rules.turns(recalled),
            timeout=request.stream_timeout,
        )
        return conversation, question

    def _new_conversation(self, caller: Caller, request: ChatRequest) -> Conversation:
        now = self._clock()
        return Conversation(new_id(), caller.id, rules.title_of(request.message), request.collection, now, now)

    async def _kept(
        self, caller: Caller, conversation: Conversation, request: ChatRequest, event: AnswerEvent
    ) -> AnswerEvent | ChatResult:
        return await self._finish(caller, conversation, request, event.result) if isinstance(event, Done) else event

    async def _finish(
        self, caller: Caller, conversation: Conversation, request: ChatRequest, result: AnswerResult
    ) -> ChatResult:
        answered = await self._kept_or_not(caller, conversation, request, rules.finished(result))
        if isinstance(answered, str):
            return ChatResult(result, conversation.id, answered)
        told = replace(result, notes=(*result.notes, f"this exchange was not kept: {answered.message}"))
        return ChatResult(told, request.conversation_id, None)

    async def _kept_or_not(
        self, caller: Caller, conversation: Conversation, request: ChatRequest, reply: Reply
    ) -> str | RagkeeperError:
        """The id of the reply's message, or why it was not kept: that costs the exchange its place, not the answer."""
        if refusal := self._refusal() or self._database.trouble:
            return refusal  # whether changes are kept again is found out without an answer that waits for it
        try:
            return await self._remember(caller, conversation, request, reply)
        except NotWritten as error:
            _log.warning("exchange_not_kept", code=error.code, reason=error.message)
            return error

    async def _remember(self, caller: Caller, conversation: Conversation, request: ChatRequest, reply: Reply) -> str:
        """Keep question and reply, and return the id of the reply's message."""
        asked, answered = self._messages(request, reply)
        messages = repository.message_rows(conversation.id, caller.id, (asked, answered))
        if request.conversation_id is None:
            await self._database.insert(repository.conversation_row(conversation), messages)
            return answered.id
        async with self._database.write() as sql:
            if not await repository.touch_conversation(sql, conversation.id, self._clock()):
                raise ConversationUnknown(id=conversation.id)
            await messages.execute(sql)
        return answered.id

    def _messages(self, request: ChatRequest, reply: Reply) -> tuple[Message, Message]:
        now = self._clock()
        first, second = sorted((new_id(), new_id()))
        asked = Message(first, "user", request.message, None, [], {}, now)
        answered = Message(second, "assistant", reply.text, reply.mode, reply.citations, reply.details, now)
        return asked, answered
