"""Stands where an index would be that cannot be opened: the server starts, and searches go by words in SQL."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NoReturn

from ragkeeper.storage.vectors.errors import IndexFailed
from ragkeeper.storage.vectors.port import Candidate, IndexCounts, IndexQuery, VectorEntry, WordsEntry


class AwayIndex:
    """Implements the port: everything but closing it raises IndexFailed with the reason why it could not be opened."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def put_words(self, entries: Sequence[WordsEntry]) -> None:
        self._fail()

    async def put_vectors(self, entries: Sequence[VectorEntry]) -> None:
        self._fail()

    async def remove_versions(self, version_ids: Collection[str]) -> None:
        self._fail()

    async def remove_documents(self, document_ids: Collection[str]) -> None:
        self._fail()

    async def search(self, query: IndexQuery) -> list[Candidate]:
        self._fail()

    async def count(self) -> IndexCounts:
        self._fail()

    async def chunk_ids(self, after: int, limit: int) -> list[tuple[int, str]]:
        self._fail()

    async def vector_ids(self, after: int, limit: int) -> list[int]:
        self._fail()

    async def flush(self) -> None:
        self._fail()

    async def optimize(self, *, force: bool = False) -> bool:
        self._fail()

    async def snapshot(self, target: Path) -> None:
        self._fail()

    async def clear(self) -> None:
        self._fail()

    async def close(self) -> None:
        """There is nothing to let go of."""

    def _fail(self) -> NoReturn:
        raise IndexFailed(reason=self._reason)
