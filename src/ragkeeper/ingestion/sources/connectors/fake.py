"""A source in memory, for tests: what it holds and how it fails is said from outside."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from ragkeeper.ingestion.sources.connectors.port import Found, Unreadable
from ragkeeper.ingestion.sources.errors import SourceUnreachable


@dataclass(slots=True)
class FakeConnector:
    """contents: text by key; unreadable: keys that cannot be read; fails_after: items after which a scan breaks off."""

    contents: dict[str, str] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    fails_after: int | None = None
    opened: list[str] = field(default_factory=list)
    closed: int = 0

    async def scan(self, known: Mapping[str, str]) -> AsyncGenerator[Found | Unreadable]:  # noqa: ARG002 - the port's
        for number, (key, text) in enumerate(list(self.contents.items())):
            self._fail_at(number)
            if key in self.unreadable:
                yield Unreadable(key, "source_item_unavailable", f"{key} cannot be read.")
            else:
                yield Found(key, str(hash(text)), key, key, partial(self._open, key, text))
        self._fail_at(len(self.contents))

    async def close(self) -> None:
        self.closed += 1

    def _fail_at(self, number: int) -> None:
        if self.fails_after is not None and number >= self.fails_after:
            raise SourceUnreachable(location="the fake", reason="it was told to fail")

    @asynccontextmanager
    async def _open(self, key: str, text: str) -> AsyncIterator[AsyncIterator[bytes]]:
        self.opened.append(key)

        async def blocks() -> AsyncIterator[bytes]:
            yield text.encode()

        yield blocks()
