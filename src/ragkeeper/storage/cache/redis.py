"""A cache in Redis that several processes share. Its keys begin as their kind's do; whatever else lies there is let be.

Each kind has an epoch there, a number that only rises, and each value carries the one it was set in: a value of another
epoch is none. So everything of a kind can be given up at once, wherever its values are; and a Redis that was started
again from an older copy of its memory, which the lower epoch tells, brings nothing back to life.
"""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Self

import structlog
from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ragkeeper.storage.cache.errors import CacheUnavailable
from ragkeeper.storage.cache.port import DEFAULT_SECONDS, CacheKind, Entry, ServerUse, Usage

_log = structlog.get_logger()

# Redis answers within a millisecond. One that does not is no help, and must cost nobody more than this.
_ANSWER_SECONDS = 1.0
_CONNECTIONS = 50
# A crowd of questions waits for its turn: that says nothing about Redis.
_TURN_SECONDS = 10.0
_SCANNED = 1000
_HEADER = struct.Struct(">QQ")  # epoch, milliseconds that the value was set for


class RedisCache:
    """Every method raises CacheUnavailable when Redis is away, slow, or lets nobody in."""

    name = "redis"

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._epochs: dict[CacheKind, int] = {}
        self._beginning = asyncio.Lock()

    @classmethod
    def connect(cls, url: str, password: str = "") -> Self:
        """Connects at the first use. password: in place of the one in the address, if any."""
        return cls(open_redis(url, password))

    async def get(self, kind: CacheKind, key: str) -> Entry | None:
        name = _name(kind, key)
        with _as_ours():
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.mget(_epoch_name(kind), name)
                pipe.pttl(name)
                (epoch, stored), left = await pipe.execute()
        if stored is None or len(stored) < _HEADER.size or left < 0:
            return None
        set_in, lifetime = _HEADER.unpack_from(stored)
        if self._known(kind, epoch) != set_in:
            return None
        return Entry(stored[_HEADER.size :], max(0.0, (lifetime - left) / 1000))

    async def set(self, kind: CacheKind, key: str, value: bytes, seconds: float = DEFAULT_SECONDS) -> None:
        milliseconds = max(1, int(seconds * 1000))
        with _as_ours():
            epoch = await self._epoch(kind)
            try:
                await self._client.set(_name(kind, key), _HEADER.pack(epoch, milliseconds) + value, px=milliseconds)
            except exceptions.OutOfMemoryError as error:
                _log.warning("cache_full", reason=str(error))

    async def delete(self, kind: CacheKind, key: str) -> None:
        with _as_ours():
            await self._client.unlink(_name(kind, key))

    async def clear(self, kind: CacheKind) -> int:
        """What is given up by a new epoch is gone at once; its memory is free when this returns."""
        n_removed = 0
        with _as_ours():
            await self._begin(kind)
            async for names in self._names(kind):
                n_removed += await self._client.unlink(*names)
        return n_removed

    async def usage(self) -> Mapping[CacheKind, Usage]:
        with _as_ours():
            return {kind: await self._usage(kind) for kind in CacheKind}

    async def server(self) -> ServerUse:
        with _as_ours():
            said = await self._client.info()
        names = ("used_memory", "maxmemory", "connected_clients", "keyspace_hits", "keyspace_misses", "evicted_keys")
        return ServerUse(*(int(said.get(name, 0)) for name in names))

    async def renew(self) -> None:
        """Not only given up but removed: documents that were deleted meanwhile are quoted there."""
        with _as_ours():
            for kind in CacheKind:
                await self._begin(kind)
        for kind in CacheKind:
            await self.clear(kind)

    async def close(self) -> None:
        await self._client.aclose()

    def _known(self, kind: CacheKind, stored: bytes | str | None) -> int | None:
        """The epoch of the kind; None when there is none or an older copy of Redis's memory brought back an old one."""
        epoch = int(stored) if stored and stored.isdigit() else 0
        if epoch == 0 or epoch < self._epochs.get(kind, 0):
            return None
        self._epochs[kind] = epoch
        return epoch

    async def _epoch(self, kind: CacheKind) -> int:
        """The one that values are set in; begun where there is none, once for all who ask at the same time."""
        if epoch := self._known(kind, await self._client.get(_epoch_name(kind))):
            return epoch
        async with self._beginning:
            return self._known(kind, await self._client.get(_epoch_name(kind))) or await self._begin(kind)

    async def _begin(self, kind: CacheKind) -> int:
        """A new epoch, later than every one that this process has seen, and than the time of day."""
        stored = await self._client.get(_epoch_name(kind))
        before = max(self._epochs.get(kind, 0), int(stored) if stored and stored.isdigit() else 0)
        epoch = max(before + 1, time.time_ns() // 1000)
        await self._client.set(_epoch_name(kind), epoch)
        self._epochs[kind] = epoch
        return epoch

    async def _usage(self, kind: CacheKind) -> Usage:
        entries, size, longest = 0, 0, 0
        epoch = self._known(kind, await self._client.get(_epoch_name(kind)))
        async for names in self._names(kind):
            async with self._client.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.pttl(name)
                    pipe.strlen(name)
                    pipe.getrange(name, 0, _HEADER.size - 1)
                found = await pipe.execute()
            for left, length, header in zip(found[::3], found[1::3], found[2::3], strict=True):
                if left > 0 and len(header) == _HEADER.size and _HEADER.unpack(header)[0] == epoch:
                    entries, size, longest = entries + 1, size + length, max(longest, left)
        return Usage(entries, size, longest / 1000)

    async def _names(self, kind: CacheKind) -> AsyncIterator[Sequence[bytes | str]]:
        """The names of the kind's values, many at a time; some may come twice."""
        cursor, found = 0, list[bytes | str]()
        while True:
            cursor, names = await self._client.scan(cursor, match=f"{kind.prefix}*", count=_SCANNED)
            found += names
            if found and (len(found) >= _SCANNED or cursor == 0):
                yield list(dict.fromkeys(found))
                found = []
            if cursor == 0:
                return


def open_redis(url: str, password: str = "") -> Redis:
    """A client with a bound on its connections and on its patience; it connects at the first use."""
    pool = BlockingConnectionPool.from_url(
        url,
        password=password or None,
        max_connections=_CONNECTIONS,
        timeout=_TURN_SECONDS,
        socket_timeout=_ANSWER_SECONDS,
        socket_connect_timeout=_ANSWER_SECONDS,
        # Once more after a time-out; a connection that breaks may mean that Redis was started anew, which must be told.
        retry=Retry(NoBackoff(), 1, supported_errors=(exceptions.TimeoutError,)),
    )
    return Redis.from_pool(pool)


@contextmanager
def _as_ours() -> Iterator[None]:
    try:
        yield
    except (exceptions.RedisError, OSError, TimeoutError) as error:
        raise CacheUnavailable(reason=_reason(error)) from error


def _reason(error: Exception) -> str:
    """What went wrong, in words that hold no password: the client names the address and Redis's own message."""
    if isinstance(error, exceptions.AuthenticationError):
        return "it refused the password (authentication failed)"
    return str(error) or type(error).__name__


def _name(kind: CacheKind, key: str) -> str:
    return f"{kind.prefix}{key}"


def _epoch_name(kind: CacheKind) -> str:
    return f"ragkeeper:cache_epoch:{kind.value}"
