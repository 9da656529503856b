"""What ragkeeper asks of a place that documents come from: to be walked through, again and again.

A connector only reads. It remembers nothing: what it saw last time comes back to it as `known`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

Content = Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]
"""Opens the bytes of an item. Raises a SourceError when they cannot be had any more."""


@dataclass(frozen=True, slots=True)
class Found:
    """An item that is there. `fingerprint` equal to the known one: unchanged, nobody opens its content.

    key: its lasting name in the source; name: what its document is called; filename: what its format is told by.
    """

    key: str
    fingerprint: str
    name: str
    filename: str
    content: Content
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item that is there, or may be, and cannot be read now: what was taken in before stays."""

    key: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ScanLimits:
    """largest_bytes: of one item; most_items: of one source."""

    largest_bytes: int
    most_items: int


class Connector(Protocol):
    """The port."""

    def scan(self, known: Mapping[str, str]) -> AsyncGenerator[Found | Unreadable]:
        """Everything that is in the source now, in no promised order; `known`: fingerprints of last time, by key.

        What is not yielded is gone: a connector that cannot see all of its source raises a SourceError instead of
        ending early. Contents are opened before the next item is asked for.
        """

    async def close(self) -> None: ...
