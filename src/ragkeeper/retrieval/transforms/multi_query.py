"""Multi-query: the question is searched in several wordings, and a chunk counts by the best of them."""

from collections.abc import Sequence

from ragkeeper.retrieval.ports import QueryRewriter
from ragkeeper.retrieval.transforms.port import Plan

_MOST = 4


class MultiQuery:
    name = "multi_query"

    def __init__(self, rewriter: QueryRewriter) -> None:
        self._rewriter = rewriter

    async def apply(self, plan: Plan, history: Sequence[str]) -> Plan:  # noqa: ARG002 - the port gives the history to all
        others = await self._rewriter.rephrasings(plan.queries[0])
        distinct = dict.fromkeys((*plan.queries, *(other.strip() for other in others if other.strip())))
        return Plan(tuple(distinct)[:_MOST], plan.passages)
