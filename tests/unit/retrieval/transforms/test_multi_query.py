from ragkeeper.retrieval.transforms.multi_query import MultiQuery
from ragkeeper.retrieval.transforms.port import Plan


class Rewriter:
    async def rephrasings(self, question: str) -> list[str]:
        return [question, " other ", "", "third", "fourth", "fifth"]


async def test_wordings_are_distinct_and_few_and_the_question_comes_first() -> None:
    plan = await MultiQuery(Rewriter()).apply(Plan(("asked",)), ())
    assert plan.queries == ("asked", "other", "third", "fourth")
