"""What a new index needs of the engines, which only `entrypoints` names."""

from collections.abc import Callable
from typing import Protocol

from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.retrieval.reindex.models import Filled, Portion
from ragkeeper.retrieval.switching import Generation

Told = Callable[[int], None]
"""Called with how many chunks are done so far."""


class Builder(Protocol):
    """Fills a generation from the truth in a process of its own, while this one answers."""

    async def fill(self, portion: Portion, told: Told) -> Filled:
        """Chunks above `after`, at most `limit`; when there are no more, the index is made fast and complete.

        May be repeated after a crash. Cancelling it leaves no process behind. Raises IndexBuildFailed.
        """


class Opener(Protocol):
    async def open_existing(self, name: str, embedder: Embedder) -> Generation:
        """Raises IndexMismatch, IndexUnreadable, IndexInUse."""


class EmbedderPair(Embedder, Protocol):
    """The embedder that everybody holds: see `providers/embedding/switchable.py`."""

    @property
    def serving(self) -> Embedder: ...

    @property
    def beside(self) -> Embedder | None: ...

    def stand_beside(self, embedder: Embedder | None) -> Embedder | None: ...

    def switch(self) -> None: ...


class OpenEmbedder(Protocol):
    async def __call__(self, name: str, /) -> Embedder:
        """name: in the words of RAG_EMBEDDING_MODEL. Raises SettingInvalid, EmbedderUnavailable, WrongDimension."""
