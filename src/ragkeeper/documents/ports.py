"""What documents need from the search index, which lies above them."""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection


class IndexChanges(Protocol):
    """Where changes to the truth are written down for the index, in the same transaction."""

    async def words_added(self, transaction: AsyncConnection, versions: Sequence[tuple[str, str]]) -> None:
        """versions: (document id, version id), searchable or soon to be; adding again replaces words and metadata."""
        ...

    async def document_removed(self, transaction: AsyncConnection, document_id: str) -> None: ...

    def wake(self) -> None:
        """The transaction is committed: there is work."""
        ...
