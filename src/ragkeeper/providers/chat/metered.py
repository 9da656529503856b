"""A chat model whose calls are timed by provider, model and outcome."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager

from ragkeeper.core.metrics import LLM_FIRST_TOKEN, LLM_SECONDS, Metrics
from ragkeeper.providers.chat.errors import ChatError
from ragkeeper.providers.chat.port import ChatMessage, ChatModel, ChatReply
from ragkeeper.providers.chat.wrapped import WrappedChat


class MeteredChat(WrappedChat):
    """Implements the port around another model. `check` is no call that a user waits for, and is not timed."""

    def __init__(self, model: ChatModel, metrics: Metrics) -> None:
        super().__init__(model)
        self._metrics = metrics

    async def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float) -> ChatReply:
        with self._timed():
            return await self._model.complete(messages, max_tokens=max_tokens, temperature=temperature)

    async def stream(
        self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float
    ) -> AsyncGenerator[str, None]:
        began: float | None = time.perf_counter()
        with self._timed():
            pieces = self._model.stream(messages, max_tokens=max_tokens, temperature=temperature)
            async with aclosing(pieces):
                async for piece in pieces:
                    if began is not None:
                        seconds, began = time.perf_counter() - began, None
                        self._metrics.observe(LLM_FIRST_TOKEN, seconds, provider=self.name, model=self.model)
                    yield piece

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
