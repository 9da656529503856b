"""Any server that speaks OpenAI's chat protocol: Groq, OpenAI, Ollama, vLLM, Bedrock's compatible endpoint."""

import asyncio
import json
import math
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any

import openai
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import ChoiceDelta

from ragkeeper.providers.chat.errors import (
    ChatBrokenStream,
    ChatError,
    ChatModelUnknown,
    ChatRateLimited,
    ChatRefused,
    ChatTimedOut,
    ChatUnavailable,
)
from ragkeeper.providers.chat.port import ChatMessage, ChatReply

_SHOWN_MODELS = 10
_SHOWN_REASON = 300
_NOT_FOUND = 404
_TOO_MANY = 429
_SERVER_ERROR = 500
# What Groq, Ollama and OpenRouter call it; DeepSeek and vLLM.
_THOUGHTS = ("reasoning", "reasoning_content")
_TEMPORARY_4XX = frozenset({408, 409, 425})


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds: to connect, until the first piece of a streamed reply, between two, for a whole reply or `check`.

    Pieces of a model's reasoning count as pieces.
    """

    connect: float = 5.0
    first_token: float = 30.0
    next_token: float = 20.0
    total: float = 120.0


class OpenAICompatibleChat:
    """One model of one server. Never retries by itself, neither whole replies nor streams."""

    def __init__(self, *, name: str, base_url: str, api_key: str, model: str, limits: TimeLimits | None = None) -> None:
        """api_key may be empty: local servers ask for none, the protocol's header then carries a placeholder."""
        self._name = name
        self._model = model
        self._limits = limits or TimeLimits()
        timeout = openai.Timeout(self._limits.total, connect=self._limits.connect)
        self._client = openai.AsyncOpenAI(
            base_url=base_url, api_key=api_key or "none", admin_api_key="", timeout=timeout, max_retries=0
        )
        # The client takes these from OPENAI_ORG_ID and OPENAI_PROJECT_ID, which are nobody else's business.
        self._client.organization = None
        self._client.project = None
        self._dialect = _Dialect()

    @property
    def name(self) -> str:
        return self._name

    @property
    def model(self) -> str:
        return self._model

    async def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float) -> ChatReply:
        with self._translated("whole reply", self._limits.total):
            async with asyncio.timeout(self._limits.total):
                reply = await self._send(messages, max_tokens, temperature, stream=False)
        return self._read_reply(reply)

    async def stream(
        self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float
    ) -> AsyncGenerator[str, None]:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._limits.total
        first = min(loop.time() + self._limits.first_token, end)
        with self._translated("first token", self._limits.first_token):
            async with asyncio.timeout_at(first):
                response = await self._send(messages, max_tokens, temperature, stream=True)
        async with response, aclosing(_pieces(response, self._name)) as pieces:
            with self._translated("first token", self._limits.first_token):
                async with asyncio.timeout_at(first):
                    piece = await anext(pieces, None)
            begun = False
            while piece is not None:
                if piece:
                    begun, handed = True, loop.time()
                    yield piece
                    end += loop.time() - handed  # a slow reader's time is not the model's
                with self._translated(*self._rest(end - loop.time()), begun=begun):
                    async with asyncio.timeout_at(min(end, loop.time() + self._limits.next_token)):
                        piece = await anext(pieces, None)

    async def check(self) -> None:
        try:
            with self._translated("check", self._limits.total):
                async with asyncio.timeout(self._limits.total):
                    offered = [model.id async for model in self._client.models.list()]
        except ChatRefused as error:
            # Some servers offer chat but no list of models; that they answered at all is what can be known.
            if error.fields["provider_status"] == _NOT_FOUND:
                return
            raise
        if offered and not _is_offered(self._model, offered):
            shown = ", ".join(sorted(offered)[:_SHOWN_MODELS])
            raise ChatModelUnknown(provider=self._name, model=self._model, offered=shown)

    async def close(self) -> None:
        await self._client.close()

    async def _send(self, messages: Sequence[ChatMessage], max_tokens: int, temperature: float, *, stream: bool) -> Any:
        """The server's reply. Asked again, at most twice, without a parameter that the server does not know."""
        payload: list[Any] = [{"role": message.role, "content": message.content} for message in messages]
        while True:
            options = self._dialect.options(max_tokens, temperature)
            try:
                return await self._client.chat.completions.create(
                    model=self._model, messages=payload, stream=stream, **options
                )
            except openai.BadRequestError as error:
                adapted = self._dialect.without(error.param)
                if adapted == self._dialect:
                    raise
                self._dialect = adapted

    def _rest(self, left: float) -> tuple[str, float]:
        """Which limit the wait for another piece meets first, and its seconds."""
        if left < self._limits.next_token:
            return "whole reply", self._limits.total
        return "next token", self._limits.next_token

    def _read_reply(self, reply: object) -> ChatReply:
        # The client does not validate: any JSON, and any text, comes through as it was sent.
        choices = getattr(reply, "choices", None)
        if not isinstance(reply, ChatCompletion) or not choices or choices[0].message is None:
            raise ChatUnavailable(provider=self._name, reason="its reply is not a chat completion")
        usage = reply.usage
        return ChatReply(
            text=choices[0].message.content or "",
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
            finish_reason=choices[0].finish_reason or "unknown",
        )

    @contextmanager
    def _translated(self, phase: str, seconds: float, *, begun: bool = False) -> Iterator[None]:
        """Turn the client's errors into ours; `begun`: part of the reply was already handed on."""
        try:
            yield
        except (TimeoutError, openai.APITimeoutError) as error:
            raise ChatTimedOut(provider=self._name, seconds=seconds, phase=phase) from error
        except openai.APIStatusError as error:
            raise _status_error(self._name, error) from error
        except (openai.APIError, json.JSONDecodeError, UnicodeDecodeError) as error:
            reason = _reason(error)
            kind = ChatBrokenStream if begun else ChatUnavailable
            raise kind(provider=self._name, reason=reason) from error


@dataclass(frozen=True, slots=True)
class _Dialect:
    """Which optional parameters the model takes: OpenAI's reasoning models refuse two that all others know."""

    limit_name: str = "max_tokens"
    takes_temperature: bool = True

    def options(self, max_tokens: int, temperature: float) -> Mapping[str, Any]:
        options: dict[str, Any] = {self.limit_name: max_tokens}
        return options | {"temperature": temperature} if self.takes_temperature else options

    def without(self, parameter: str | None) -> "_Dialect":
        """The dialect that avoids a parameter which the server named in its refusal."""
        if parameter == "max_tokens":
            return _Dialect("max_completion_tokens", self.takes_temperature)
        if parameter == "temperature":
            return _Dialect(self.limit_name, takes_temperature=False)
        return self


async def _pieces(chunks: AsyncIterator[ChatCompletionChunk], provider: str) -> AsyncGenerator[str, None]:
    """The text in a stream of chunks, which must say that it is finished; empty while a model thinks."""
    finished = False
    async for chunk in chunks:
        choices = getattr(chunk, "choices", None)
        if not choices:
            continue
        delta = choices[0].delta
        if delta is not None and (delta.content or _thinks(delta)):
            yield delta.content or ""
        finished = finished or choices[0].finish_reason is not None
    if not finished:
        raise ChatBrokenStream(provider=provider, reason="the stream ended without its end mark")


def _thinks(delta: ChoiceDelta) -> bool:
    """Whether it is a piece of what a reasoning model says to itself, which the protocol has no name for."""
    return any(getattr(delta, name, None) for name in _THOUGHTS)


def _status_error(provider: str, error: openai.APIStatusError) -> ChatError:
    status = error.status_code
    if status == _TOO_MANY:
        return ChatRateLimited(provider=provider, retry_after=_retry_after(error.response.headers))
    if status >= _SERVER_ERROR or status in _TEMPORARY_4XX:
        unavailable = ChatUnavailable(provider=provider, reason=f"status {status}")
        unavailable.provider_status = status
        return unavailable
    return ChatRefused(provider=provider, provider_status=status, reason=_reason(error))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from the `retry-after` header; its form as a date is rare among these servers and counts as absent."""
    try:
        seconds = float(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _reason(error: Exception) -> str:
    cause = error.__cause__
    text = f"{error} ({type(cause).__name__}: {cause})" if cause else str(error)
    return " ".join(text.split())[:_SHOWN_REASON]


def _is_offered(model: str, offered: Sequence[str]) -> bool:
    """Whether the list names the model; Ollama lists `name:latest` for what is asked for as `name`."""
    return model in offered or f"{model}:latest" in offered
