"""What documents need from what lies above them: the search index, and whatever keeps copies for a while."""

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


class Copies(Protocol):
    """What was made of documents and is kept to be given again: results and answers."""

    def forget(self) -> None:
        """Begin to remove all of them. None is given to anybody from the moment its document is gone in any case."""
        ...


class NoCopies:
    def forget(self) -> None:
        """Nothing is kept."""
