"""A transform that asks a model, and another one for when no model may be asked."""

from collections.abc import Callable, Sequence

from ragkeeper.retrieval.transforms.port import Plan, QueryTransform


class RestrainedTransform:
    """may: whether a model may be asked at this moment; otherwise: None leaves the plan as it is."""

    def __init__(self, transform: QueryTransform, may: Callable[[], bool], otherwise: QueryTransform | None) -> None:
        self._transform = transform
        self._may = may
        self._otherwise = otherwise

    @property
    def name(self) -> str:
        return self._transform.name

    async def apply(self, plan: Plan, history: Sequence[str]) -> Plan:
        chosen = self._transform if self._may() else self._otherwise
        return plan if chosen is None else await chosen.apply(plan, history)
