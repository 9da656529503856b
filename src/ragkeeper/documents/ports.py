"""What documents need from the search index, which lies above them."""

from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection


class IndexChanges(Protocol):
    """Where changes to the truth are written down for the index, in the same transaction."""

    async def document_removed(self, transaction: AsyncConnection, document_id: str) -> None: ...

    def wake(self) -> None:
        """The transaction is committed: there is work."""
        ...
