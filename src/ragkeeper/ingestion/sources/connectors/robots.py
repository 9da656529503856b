"""Manners on the web: robots.txt, and one request at a time with a pause between two."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from protego import Protego

from ragkeeper.ingestion.sources.connectors.errors import ServerSilent
from ragkeeper.ingestion.sources.connectors.fetch import Answer, Fetcher, Request
from ragkeeper.ingestion.sources.connectors.urls import origin_of

AGENT = "ragkeeper"
_LARGEST = 512 * 1024
_LONGEST_DELAY = 30.0
_CLIENT_ERRORS = range(400, 500)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a host's robots.txt allows; rules None: everything."""

    rules: Protego | None

    def may_fetch(self, url: str) -> bool:
        return self.rules is None or bool(self.rules.can_fetch(url, AGENT))

    def delay(self, usual: float) -> float:
        """Seconds between two requests: what the site asks for within bounds, and never less than usual."""
        asked = self.rules.crawl_delay(AGENT) if self.rules else None
        return max(usual, min(asked or 0.0, _LONGEST_DELAY))


class Manners:
    """For one walk: what it learned of a host's wishes holds until its end."""

    def __init__(
        self,
        fetcher: Fetcher,
        delay_seconds: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._fetcher = fetcher
        self._usual = delay_seconds
        self._sleep = sleep
        self._hosts: dict[str, Allowed] = {}
        self._next_turn: dict[str, float] = {}

    async def may_fetch(self, url: str) -> bool:
        """Raises ServerSilent when the host does not tell its rules: then nothing of it is read."""
        return (await self._rules(url)).may_fetch(url)

    async def wait_for_turn(self, url: str) -> None:
        delay = (await self._rules(url)).delay(self._usual)
        now = asyncio.get_running_loop().time()
        turn = max(now, self._next_turn.get(origin_of(url), 0.0))
        self._next_turn[origin_of(url)] = turn + delay
        if turn > now:
            await self._sleep(turn - now)

    async def _rules(self, url: str) -> Allowed:
        origin = origin_of(url)
        if origin not in self._hosts:
            async with self._fetcher.open(Request(f"{origin}/robots.txt")) as answer:
                self._hosts[origin] = await _read(answer)
        return self._hosts[origin]


async def _read(answer: Answer) -> Allowed:
    """As RFC 9309 says: 4xx allows everything, an error of the server nothing. What is too long is cut."""
    if answer.status in _CLIENT_ERRORS and answer.status != HTTPStatus.TOO_MANY_REQUESTS:
        return Allowed(None)
    if answer.status != HTTPStatus.OK:
        raise ServerSilent(location=answer.url, reason=f"the server answers {answer.status}")
    body = b""
    async for chunk in answer.chunks(100 * _LARGEST):
        body += chunk
        if len(body) >= _LARGEST:
            break
    return Allowed(Protego.parse(body[:_LARGEST].decode("utf-8-sig", "replace")))
