"""The way to the Redis that processes share breakers and limits in: asked while it answers at once, else let be.

Whoever finds it away tells the log; from then on nobody waits for it, until an exchange in the background works again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Self, TypeVar

import structlog
from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

_log = structlog.get_logger()

# What a call of a model may lose to a Redis that hangs: once per outage, as all others find it away.
_CALL_SECONDS = 0.1
# Exchanges run in the background and may take longer.
_EXCHANGE_SECONDS = 1.0
_PAUSE = 0.5
# A wait is cut into so many, each with a turn of the event loop: being busy itself is not waiting for Redis.
_TURNS = 20
_CONNECTIONS = 4

Exchange = Callable[[], Awaitable[None]]
_Result = TypeVar("_Result")


class Away(Exception):
    """Redis was not asked, or did not answer in time: decide without it."""


class Link:
    """One per process. `turn` is held by the one call that asks at a time: a crowd must not look like an outage."""

    def __init__(self, client: Redis, pause: float = _PAUSE) -> None:
        self.turn = asyncio.Lock()
        self._client = client
        self._pause = pause
        self._exchanges: list[Exchange] = []
        self._away_since: float | None = None
        self._going_on: asyncio.Task[None] | None = None
        self._is_closed = False

    @classmethod
    def connect(cls, url: str, password: str = "", pause: float = _PAUSE) -> Self:
        """Connects at the first use; ValueError where the address is none. password: in place of the address's."""
        pool = BlockingConnectionPool.from_url(
            url,
            password=password or None,
            max_connections=_CONNECTIONS,
            timeout=_EXCHANGE_SECONDS,
            socket_timeout=_EXCHANGE_SECONDS,
            socket_connect_timeout=_EXCHANGE_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        return cls(Redis.from_pool(pool), pause)

    @property
    def is_away(self) -> bool:
        return self._away_since is not None

    def join(self, exchange: Exchange) -> None:
        """It is run every `pause` seconds, and before calls ask again after an outage; it may raise Away."""
        self._exchanges.append(exchange)

    async def start(self) -> None:
        """Know what the others know before the first call. It does not raise."""
        self.begin()
        await self._exchange()

    def begin(self) -> None:
        """Let the exchanges go on, where they do not yet."""
        if self._going_on is None:
            self._going_on = asyncio.create_task(self._go_on(), name="breakers-exchange")

    async def close(self) -> None:
        self._is_closed = True
        if self._going_on is not None:
            self._going_on.cancel()
            await asyncio.gather(self._going_on, return_exceptions=True)
        await self._client.aclose()

    async def ask(self, script: str, names: Sequence[str], *words: str | bytes | float) -> Any:
        """The reply of a script, for a call that waits for it. Raises Away."""
        if self.is_away:
            raise Away
        return await self._run(_CALL_SECONDS, script, names, words)

    async def tell(self, script: str, names: Sequence[str], *words: str | bytes | float) -> Any:
        """The same for an exchange, which asks whether Redis is away or not."""
        return await self._run(_EXCHANGE_SECONDS, script, names, words)

    async def _run(self, seconds: float, script: str, names: Sequence[str], words: Sequence[Any]) -> Any:
        try:
            return await _within(seconds, self._client.register_script(script)(keys=list(names), args=list(words)))
        except (exceptions.RedisError, OSError, TimeoutError) as error:
            self._leave(error)
            raise Away from error

    async def _go_on(self) -> None:
        # Not only until it is cancelled: before Python 3.12 the client's own time limits may swallow that.
        while not self._is_closed:
            await asyncio.sleep(self._pause)
            await self._exchange()

    async def _exchange(self) -> None:
        try:
            for exchange in self._exchanges:
                await exchange()
        except Away:
            return
        if self._away_since is not None:
            seconds = round(time.monotonic() - self._away_since, 1)
            self._away_since = None
            _log.info("FALLBACK DEACTIVATED", part="breakers", seconds=seconds)

    def _leave(self, error: Exception) -> None:
        if self._away_since is None:
            self._away_since = time.monotonic()
            _log.warning("FALLBACK ACTIVATED", part="breakers", reason=_reason(error))


def _reason(error: Exception) -> str:
    """Without what Redis may quote of a password."""
    if isinstance(error, exceptions.AuthenticationError):
        return "it refused the password (authentication failed)"
    return str(error) or type(error).__name__


async def _within(seconds: float, asking: Awaitable[_Result]) -> _Result:
    task = asyncio.ensure_future(asking)
    try:
        for _ in range(_TURNS):
            if (await asyncio.wait({task}, timeout=seconds / _TURNS))[0]:
                return task.result()
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_heed)
    raise TimeoutError(f"no answer within {seconds:g} s")


def _heed(task: asyncio.Future[_Result]) -> None:
    """What became of a question that nobody waits for any more is of no interest."""
    if not task.cancelled():
        task.exception()


async def to_its_end(work: Coroutine[Any, Any, _Result]) -> _Result:
    """The result, even for a caller who was cancelled meanwhile: its next await is where it ends then.

    So whoever takes a permit knows of it, and can give it back.
    """
    task, caller, cancelled = asyncio.ensure_future(work), asyncio.current_task(), 0
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            cancelled += 1
    if caller is not None:
        for _ in range(cancelled):
            caller.uncancel()
            caller.cancel()
    return task.result()
