"""What taking in documents needs of others."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """name: what its document is called; filename: what its format is told by."""

    name: str
    filename: str
    content: AsyncIterator[bytes]


class PageFetcher(Protocol):
    def fetch(self, url: str) -> AbstractAsyncContextManager[FetchedPage]:
        """A page of the web, for the length of the block. Raises RagkeeperError when it cannot or must not be had."""
