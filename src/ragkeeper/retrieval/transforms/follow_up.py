"""A follow-up question is completed from the conversation, with a model when there is one."""

import re
from collections.abc import Sequence

from ragkeeper.retrieval.ports import QueryRewriter
from ragkeeper.retrieval.transforms.port import Plan

_LEANS_BACK = re.compile(
    r"\b(it|its|they|them|their|this|that|these|those|he|she|him|her|his|there|then|same|one|ones|former|latter)\b"
    r"|^\W*(and|but|or|so|why|how come|what about|how about|what else|also)\b",
    re.IGNORECASE,
)
_SHORT = 4
# Of earlier questions only so much is taken: more words would drown the question itself, and cost as much as they like.
_EARLIER_CHARACTERS = 500
_EARLIER_QUESTIONS = 6


class FollowUpByModel:
    name = "follow_up"

    def __init__(self, rewriter: QueryRewriter) -> None:
        self._rewriter = rewriter

    async def apply(self, plan: Plan, history: Sequence[str]) -> Plan:
        if not history:
            return plan
        told = [_end_of(earlier) for earlier in history[-_EARLIER_QUESTIONS:]]
        return Plan((await self._rewriter.standalone(plan.queries[0], told),), plan.passages)


class FollowUpByRule:
    """Without a model: a question that leans on the one before it is searched together with it."""

    name = "follow_up"

    async def apply(self, plan: Plan, history: Sequence[str]) -> Plan:
        question = plan.queries[0]
        if not history or not leans_back(question):
            return plan
        return Plan((f"{_end_of(history[-1])} {question}",), plan.passages)


def leans_back(question: str) -> bool:
    """Whether a question cannot stand alone: it points at something said before, or is only a few words."""
    return bool(_LEANS_BACK.search(question)) or len(question.split()) < _SHORT


def _end_of(text: str) -> str:
    """The end of a long message, from a word on: what is asked about a long text stands after it."""
    if len(text) <= _EARLIER_CHARACTERS:
        return text
    end = text[-_EARLIER_CHARACTERS:]
    return end.split(maxsplit=1)[-1] if " " in end.strip() else end
