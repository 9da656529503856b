"""A shared cache with one of the process's own in its place for as long as it is away.

What was set, deleted or cleared meanwhile is not known to the shared one. So it is renewed before it serves again, and
nothing of before the outage, in it or in the one of the process, comes back to life.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import structlog

from ragkeeper.storage.cache.errors import CacheUnavailable
from ragkeeper.storage.cache.port import DEFAULT_SECONDS, Cache, CacheKind, Entry, ServerUse, SharedCache, Usage

_log = structlog.get_logger()

_Result = TypeVar("_Result")


class FallbackCache:
    """Only `check` raises. While the shared cache is away it is asked every `retry_seconds` whether it is back."""

    def __init__(self, shared: SharedCache, own: Cache, retry_seconds: float = 1.0) -> None:
        self._shared = shared
        self._own = own
        self._retry_seconds = retry_seconds
        self._problem: CacheUnavailable | None = None
        self._outages = 0
        self._returning: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def name(self) -> str:
        return self._serving.name

    @property
    def problem(self) -> CacheUnavailable | None:
        """Why the shared cache is away; None while it serves."""
        return self._problem

    async def check(self) -> None:
        """Find out how the shared cache is now, whoever asks it or not. Raises CacheUnavailable while it is away."""
        await self.get(CacheKind.SEARCH, "0")
        if self._problem is not None:
            raise self._problem.with_traceback(None)

    async def get(self, kind: CacheKind, key: str) -> Entry | None:
        return await self._with_fallback(lambda cache: cache.get(kind, key))

    async def set(self, kind: CacheKind, key: str, value: bytes, seconds: float = DEFAULT_SECONDS) -> None:
        await self._with_fallback(lambda cache: cache.set(kind, key, value, seconds))

    async def delete(self, kind: CacheKind, key: str) -> None:
        await self._with_fallback(lambda cache: cache.delete(kind, key))

    async def clear(self, kind: CacheKind) -> int:
        return await self._with_fallback(lambda cache: cache.clear(kind))

    async def usage(self) -> Mapping[CacheKind, Usage]:
        return await self._with_fallback(lambda cache: cache.usage())

    async def server(self) -> ServerUse | None:
        """Of the shared cache; None while it is away, or says nothing: that alone does not make it away."""
        if self._problem is not None:
            return None
        try:
            return await self._shared.server()
        except CacheUnavailable:
            return None

    async def close(self) -> None:
        self._is_closed = True
        if self._returning is not None:
            self._returning.cancel()
            await asyncio.gather(self._returning, return_exceptions=True)
        await self._own.close()
        await self._shared.close()

    @property
    def _serving(self) -> Cache:
        return self._shared if self._problem is None else self._own

    async def _with_fallback(self, call: Callable[[Cache], Awaitable[_Result]]) -> _Result:
        while self._problem is None:
            outages = self._outages
            try:
                return await call(self._shared)
            except CacheUnavailable as error:
                # Another call may have found that out before; it may even have come back since: then it is asked again.
                if outages == self._outages:
                    self._leave(error)
        return await call(self._own)

    def _leave(self, error: CacheUnavailable) -> None:
        self._problem, self._outages = error, self._outages + 1
        _log.warning("FALLBACK ACTIVATED", part="cache", code=error.code, reason=error.message)
        self._returning = asyncio.create_task(self._return(), name="cache-return")

    async def _return(self) -> None:
        """Ends when the shared cache serves again."""
        began = time.monotonic()
        # Not only until it is cancelled: before Python 3.12 the client's own time limits may swallow that.
        while not self._is_closed:
            await asyncio.sleep(self._retry_seconds)
            try:
                await self._shared.renew()
            except CacheUnavailable as error:
                self._problem = error
                continue
            self._problem = None
            for kind in CacheKind:
                await self._own.clear(kind)
            _log.info("FALLBACK DEACTIVATED", part="cache", seconds=round(time.monotonic() - began, 1))
            return
