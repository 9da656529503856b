"""A chat model whose calls are timed by provider, model and outcome, and whose tokens are counted and priced."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass

from ragkeeper.core.metrics import LLM_COST, LLM_FIRST_TOKEN, LLM_SECONDS, LLM_TOKENS, Metrics
from ragkeeper.providers.chat.errors import ChatError
from ragkeeper.providers.chat.port import ChatMessage, ChatModel, ChatReply
from ragkeeper.providers.chat.wrapped import WrappedChat

_CHARACTERS_OF_A_TOKEN = 4
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a million tokens sent, and of a million received."""

    sent: float = 0.0
    received: float = 0.0


@dataclass(slots=True)
class _Seen:
    """A stream so far: when it was asked for, whether it has begun, and its characters."""

    asked: float
    begun: bool = False
    written: int = 0


class MeteredChat(WrappedChat):
    """Implements the port around another model. `check` is no call that a user waits for, and is not timed."""

    def __init__(self, model: ChatModel, metrics: Metrics, prices: Prices | None = None) -> None:
        super().__init__(model)
        self._metrics = metrics
        self._prices = prices or Prices()
        self._metrics.count(LLM_COST, 0, provider=self.name, model=self.model)

    async def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float) -> ChatReply:
        with self._timed():
            reply = await self._model.complete(messages, max_tokens=max_tokens, temperature=temperature)
        self._spent("in", reply.prompt_tokens, _characters(messages), self._prices.sent)
        self._spent("out", reply.completion_tokens, len(reply.text), self._prices.received)
        return reply

    async def stream(
        self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float
    ) -> AsyncGenerator[str, None]:
        seen = _Seen(time.perf_counter())
        try:
            with self._timed():
                pieces = self._model.stream(messages, max_tokens=max_tokens, temperature=temperature)
                async with aclosing(pieces):
                    async for piece in pieces:
                        self._note_piece(seen, piece)
                        yield piece
        finally:
            self._note_stream(messages, seen.written)

    def _note_piece(self, seen: "_Seen", piece: str) -> None:
        if not seen.begun:
            seconds = time.perf_counter() - seen.asked
            self._metrics.observe(LLM_FIRST_TOKEN, seconds, provider=self.name, model=self.model)
        seen.begun = True
        seen.written += len(piece)

    def _note_stream(self, messages: Sequence[ChatMessage], written: int) -> None:
        """One that broke off, or whose reader went away, has cost what was written; one that never began nothing."""
        if written:
            self._spent("in", None, _characters(messages), self._prices.sent)
            self._spent("out", None, written, self._prices.received)

    def _spent(self, direction: str, told: int | None, characters: int, price: float) -> None:
        tokens = math.ceil(characters / _CHARACTERS_OF_A_TOKEN) if told is None else told
        who = {"provider": self.name, "model": self.model}
        counted = "estimated" if told is None else "provider"
        self._metrics.count(LLM_TOKENS, tokens, direction=direction, counted=counted, **who)
        self._metrics.count(LLM_COST, tokens * price / _MILLION, **who)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.perf_counter()
        outcome = "ok"
        try:
            yield
        except ChatError as error:
            outcome = error.code
            raise
        except (asyncio.CancelledError, GeneratorExit):
            outcome = "cancelled"  # the one who asked has gone, which says nothing about the provider
            raise
        finally:
            seconds = time.perf_counter() - began
            self._metrics.observe(LLM_SECONDS, seconds, provider=self.name, model=self.model, outcome=outcome)


def _characters(messages: Sequence[ChatMessage]) -> int:
    return sum(len(message.content) for message in messages)
