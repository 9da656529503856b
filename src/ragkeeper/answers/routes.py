"""OpenAI-compatible `/v1`: any caller with a key (as the client's `api_key`), answers within its access lists."""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from ragkeeper.answers.models import AnswerEvent, Done, Token
from ragkeeper.answers.openai_schemas import ChatCompletionBody, EmbeddingBody, chunk, completion, embedding_list
from ragkeeper.answers.service import AnswerService
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.ids import new_id
from ragkeeper.http.caller import CurrentCaller
from ragkeeper.http.errors import InternalError, problem, request_id
from ragkeeper.http.sse import data, event_stream
from ragkeeper.providers.embedding.port import Embedder

MODEL = "ragkeeper"

_log = structlog.get_logger()


def openai_routes(answers: AnswerService, embedder: Embedder) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["openai"])

    @router.get("/models")
    async def list_models(_caller: CurrentCaller) -> dict[str, Any]:
        entries = [{"id": name, "object": "model", "created": 0, "owned_by": MODEL} for name in (MODEL, embedder.name)]
        return {"object": "list", "data": entries}

    @router.post("/chat/completions", response_model=None)
    async def complete(
        caller: CurrentCaller, body: ChatCompletionBody, request: Request
    ) -> dict[str, Any] | StreamingResponse:
        question = body.question()
        if body.stream:
            return event_stream(_chunks(answers.stream(caller, question), body, request_id(request)))
        result = await answers.answer(caller, question)
        return completion(f"chatcmpl-{new_id()}", int(time.time()), body, result)

    @router.post("/embeddings")
    async def embed(_caller: CurrentCaller, body: EmbeddingBody) -> dict[str, Any]:
        vectors = await embedder.embed_documents(body.texts())
        return embedding_list(vectors, embedder.name, base64_wanted=body.encoding_format == "base64")

    return router


async def _chunks(
    answer: AsyncGenerator[AnswerEvent, None], body: ChatCompletionBody, request: str
) -> AsyncIterator[bytes]:
    completion_id, created = f"chatcmpl-{new_id()}", int(time.time())
    try:
        yield data(chunk(completion_id, created, body, {"role": "assistant", "content": ""}))
        async with aclosing(answer) as events:
            async for event in events:
                if isinstance(event, Token):
                    yield data(chunk(completion_id, created, body, {"content": event.text}))
                elif isinstance(event, Done):
                    yield data(chunk(completion_id, created, body, {}, result=event.result))
        yield b"data: [DONE]\n\n"
    except RagkeeperError as error:
        yield data({"error": problem(error, request)})
    except Exception as error:  # noqa: BLE001 - the edge of a stream: its status line is sent, an event must tell
        _log.error("stream_crashed", exc_info=error)
        yield data({"error": problem(InternalError(), request)})
