"""What a transform does with a question."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be searched: `queries` by words and meaning; the vectors of `passages` join that of the first query."""

    queries: tuple[str, ...]
    passages: tuple[str, ...] = ()


class QueryTransform(Protocol):
    @property
    def name(self) -> str: ...

    async def apply(self, plan: Plan, history: Sequence[str]) -> Plan:
        """A new plan. Raises RagkeeperError when its model fails; the search then goes on with the old plan."""
        ...
