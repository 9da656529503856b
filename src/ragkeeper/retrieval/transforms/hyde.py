"""HyDE: the vector of a made-up answer lies nearer to real answers than the question's own."""

from collections.abc import Sequence

from ragkeeper.retrieval.ports import QueryRewriter
from ragkeeper.retrieval.transforms.port import Plan


class Hyde:
    name = "hyde"

    def __init__(self, rewriter: QueryRewriter) -> None:
        self._rewriter = rewriter

    async def apply(self, plan: Plan, history: Sequence[str]) -> Plan:  # noqa: ARG002 - the port gives the history to all
        passage = await self._rewriter.hypothetical_answer(plan.queries[0])
        return Plan(plan.queries, (*plan.passages, passage))
