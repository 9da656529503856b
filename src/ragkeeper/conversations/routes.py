"""`/chat` and `/api/chat`, streamed or not, and `/api/v1/conversations`: any caller with a key, its own chats only."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from ragkeeper.answers.models import AnswerEvent, Progress, Sources, Token
from ragkeeper.answers.schemas import source_views
from ragkeeper.conversations.models import ChatResult
from ragkeeper.conversations.schemas import ChatBody, ChatView, ConversationView, MessageView
from ragkeeper.conversations.service import ConversationService
from ragkeeper.core.access import Caller
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.http.caller import CurrentCaller
from ragkeeper.http.errors import InternalError, problem, request_id
from ragkeeper.http.paging import Cursor, Limit, Page, decode_cursor, page_of
from ragkeeper.http.sse import event, event_stream

CHAT_PATHS = frozenset({"/chat", "/chat/stream", "/api/chat", "/api/chat/stream"})

_log = structlog.get_logger()


def chat_routes(conversations: ConversationService) -> APIRouter:
    router = APIRouter(tags=["chat"])

    @router.post("/chat")
    @router.post("/api/chat", include_in_schema=False)
    async def chat(caller: CurrentCaller, body: ChatBody) -> ChatView:
        return ChatView.of(await conversations.ask(caller, body.request()))

    @router.post("/chat/stream")
    @router.post("/api/chat/stream", include_in_schema=False)
    async def chat_stream(caller: CurrentCaller, body: ChatBody, request: Request) -> StreamingResponse:
        return event_stream(_events(conversations, caller, body, request_id(request)))

    @router.get("/api/v1/conversations")
    async def list_conversations(
        caller: CurrentCaller, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[ConversationView]:
        rows = await conversations.find_all(caller, after=decode_cursor(cursor), limit=limit + 1)
        return page_of(rows, limit, ConversationView.of, lambda conversation: conversation.id)

    @router.get("/api/v1/conversations/{conversation_id}")
    async def get_conversation(caller: CurrentCaller, conversation_id: str) -> ConversationView:
        return ConversationView.of(await conversations.get(caller, conversation_id))

    @router.get("/api/v1/conversations/{conversation_id}/messages")
    async def list_messages(
        caller: CurrentCaller, conversation_id: str, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[MessageView]:
        after = decode_cursor(cursor) or ""
        rows = await conversations.messages(caller, conversation_id, after=after, limit=limit + 1)
        return page_of(rows, limit, MessageView.of, lambda message: message.id)

    @router.delete("/api/v1/conversations/{conversation_id}", status_code=204)
    async def delete_conversation(caller: CurrentCaller, conversation_id: str) -> Response:
        await conversations.delete(caller, conversation_id)
        return Response(status_code=204)

    return router


async def _events(
    conversations: ConversationService, caller: Caller, body: ChatBody, request: str
) -> AsyncIterator[bytes]:
    """Every event of an answer; whatever fails becomes one `error` event, the last one."""
    try:
        async with aclosing(conversations.stream(caller, body.request())) as items:
            async for item in items:
                for name, data in _parts(item):
                    yield event(name, data)
    except RagkeeperError as error:
        yield event("error", problem(error, request))
    except Exception as error:  # noqa: BLE001 - the edge of a stream: its status line is sent, an event must tell
        _log.error("stream_crashed", exc_info=error)
        yield event("error", problem(InternalError(), request))


def _parts(item: AnswerEvent | ChatResult) -> list[tuple[str, object]]:
    match item:
        case Progress(stage, detail):
            return [("status", {"stage": stage, "detail": detail})]
        case Sources(hits):
            return [("sources", [source.model_dump() for source in source_views(hits)])]
        case Token(text):
            return [("token", {"text": text})]
        case ChatResult():
            view = ChatView.of(item)
            return [("citations", [citation.model_dump() for citation in view.citations]), ("done", view.model_dump())]
        case _:
            return []
