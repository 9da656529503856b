"""A source in memory, for tests: what it holds and how it fails is said from outside."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from ragkeeper.ingestion.sources.connectors.port import Found, Unreadable
from ragkeeper.ingestion.sources.errors import SourceUnreachable


@dataclass(slots=True)
class FakeConnector:
    """contents: text by key; names: by key, where they differ; marks: by key, parts of fingerprints; unreadable: keys.

    fails_after: items after which a scan breaks off with `error`; gate: while it is not set, items wait.
    """

    contents: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    fails_after: int | None = None
    error: Exception = field(
        default_factory=lambda: SourceUnreachable(location="the fake", reason="it was told to fail")
    )
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    opened: list[str] = field(default_factory=list)
    closed: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    async def scan(self, known: Mapping[str, str]) -> AsyncGenerator[Found | Unreadable]:  # noqa: ARG002 - the port's
        for number, (key, text) in enumerate(list(self.contents.items())):
            self._fail_at(number)
            await self.gate.wait()
            if key in self.unreadable:
                yield Unreadable(key, "source_item_unavailable", f"{key} cannot be read.")
            else:
                yield Found(
                    key,
                    f"{hash(text)}{self.marks.get(key, '')}",
                    self.names.get(key, key),
                    key,
                    partial(self._open, key, text),
                )
        await self.gate.wait()
        self._fail_at(len(self.contents))

    async def close(self) -> None:
        self.closed += 1

    def _fail_at(self, number: int) -> None:
        if self.fails_after is not None and number >= self.fails_after:
            raise self.error

    @asynccontextmanager
    async def _open(self, key: str, text: str) -> AsyncIterator[AsyncIterator[bytes]]:
        self.opened.append(key)

        async def blocks() -> AsyncIterator[bytes]:
            yield text.encode()

        yield blocks()
