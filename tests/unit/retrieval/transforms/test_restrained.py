from collections.abc import Sequence

from ragkeeper.retrieval.transforms.port import Plan
from ragkeeper.retrieval.transforms.restrained import RestrainedTransform

PLAN = Plan(("why?",))


class Appending:
    def __init__(self, word: str) -> None:
        self.name = word

    async def apply(self, plan: Plan, history: Sequence[str]) -> Plan:
        return Plan((*plan.queries, self.name, *history))


async def test_it_is_asked_while_it_may_be():
    transform = RestrainedTransform(Appending("model"), lambda: True, Appending("rule"))
    assert (await transform.apply(PLAN, ["before"])).queries == ("why?", "model", "before")
    assert transform.name == "model"


async def test_otherwise_another_one_takes_its_place():
    transform = RestrainedTransform(Appending("model"), lambda: False, Appending("rule"))
    assert (await transform.apply(PLAN, [])).queries == ("why?", "rule")


async def test_or_nothing_is_changed():
    assert await RestrainedTransform(Appending("model"), lambda: False, None).apply(PLAN, []) == PLAN
