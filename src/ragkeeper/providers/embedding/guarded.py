"""An embedding endpoint behind a guard: it is not called while its breaker is open."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from ragkeeper.providers.embedding.errors import (
    EmbedderBreakerOpen,
    EmbedderCrowded,
    EmbedderRateLimited,
    EmbedderRefused,
    EmbedderTimedOut,
    EmbedderUnavailable,
)
from ragkeeper.providers.embedding.port import Embedder, Vectors
from ragkeeper.providers.resilience.guard import Guard, GuardedCall, NotCalled, Wording
from ragkeeper.providers.resilience.models import Judgement, Outcome


class GuardedEmbedder:
    """Implements the port around another embedder.

    waits: seconds in all that somebody who waits gives it (`embed_query`, `embed_now`); documents have the endpoint's
    own limit. slow_after: seconds above which a call counts as slow.
    """

    def __init__(self, embedder: Embedder, guard: Guard, waits: float, slow_after: float) -> None:
        self._embedder = embedder
        self._guard = guard
        self._waits = waits
        self._slow_after = slow_after
        self._closed = False
        self._wording = Wording(judge, self._refused)

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        return self._embedder.max_tokens

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return self._embedder.token_offsets(text)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return await self._call(lambda: self._embedder.embed_documents(texts), self._slow_after)

    async def embed_now(self, texts: Sequence[str]) -> Vectors:
        return await self._call_soon(lambda: self._embedder.embed_now(texts))

    async def embed_query(self, text: str) -> Vectors:
        return await self._call_soon(lambda: self._embedder.embed_query(text))

    async def check(self) -> None:
        """Raise what the calls showed, without making one: the endpoint may cost money."""
        found = self._guard.refused()
        if found:
            raise self._refused(found)
        reason = self._guard.failing_for_now()
        if reason is not None:
            raise EmbedderUnavailable(name=self.name, reason=reason)

    async def close(self) -> None:
        self._closed = True
        await self._embedder.close()

    async def _call(self, work: Callable[[], Awaitable[Vectors]], slow_after: float) -> Vectors:
        if self._closed:
            return await work()  # it says that it is closed, which is no failure of the endpoint
        async with self._guard.call(self._wording, slow_after) as call:
            return await _tried(work, call)

    async def _call_soon(self, work: Callable[[], Awaitable[Vectors]]) -> Vectors:
        """Somebody waits: for a turn at most half of the time, and no longer for all attempts together."""
        if self._closed:
            return await work()
        end = asyncio.get_running_loop().time() + self._waits
        async with self._guard.call(self._wording, self._waits / 2, queue=self._waits / 2) as call:
            try:
                async with asyncio.timeout_at(end):
                    return await _tried(work, call)
            except TimeoutError as error:
                raise EmbedderTimedOut(name=self.name, seconds=self._waits) from error

    def _refused(self, found: NotCalled) -> EmbedderUnavailable:
        if found.crowded:
            return EmbedderCrowded(name=self.name, retry_after=found.retry_after)
        if found.since is None:
            return EmbedderRateLimited(name=self.name, retry_after=found.retry_after)
        return EmbedderBreakerOpen(
            name=self.name,
            provider=found.key.provider,
            since=found.since.isoformat(timespec="seconds"),
            next_try=found.next_try.isoformat(timespec="seconds") if found.next_try else "by an administrator",
            retry_after=found.retry_after,
        )


async def _tried(work: Callable[[], Awaitable[Vectors]], call: GuardedCall) -> Vectors:
    while True:
        try:
            return await work()
        except EmbedderUnavailable as error:
            if not await call.again(error):
                raise


def judge(error: BaseException) -> Judgement:
    """What an error says about the endpoint."""
    if isinstance(error, EmbedderRateLimited):
        return Judgement(Outcome.THROTTLED, pause=error.retry_after)
    if isinstance(error, EmbedderTimedOut):
        return Judgement(Outcome.FAILURE)
    if isinstance(error, EmbedderUnavailable) and not isinstance(error, EmbedderRefused):
        return Judgement(Outcome.FAILURE, may_pass=True)
    return Judgement(Outcome.IGNORED)
