"""What the fallback needs to know of an index."""

from typing import Protocol

from ragkeeper.storage.vectors.port import Candidate, IndexQuery


class SearchedIndex(Protocol):
    async def search(self, query: IndexQuery) -> list[Candidate]:
        """Raises what `storage.vectors.errors.INDEX_AWAY` names where the index is damaged, closed or out of reach."""
        ...
