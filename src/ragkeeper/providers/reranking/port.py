"""What every reranker offers."""

from collections.abc import Sequence
from typing import Protocol


class Reranker(Protocol):
    @property
    def name(self) -> str: ...

    async def warm(self) -> None:
        """Make the first `score` as quick as those after it. Raises RagkeeperError."""
        ...

    async def score(self, query: str, texts: Sequence[str]) -> list[float]:
        """One score in 0..1 per text, in order. Raises RagkeeperError when the model fails."""
        ...
