import pytest

from ragkeeper.retrieval.transforms.follow_up import FollowUpByModel, FollowUpByRule, leans_back
from ragkeeper.retrieval.transforms.port import Plan


class Rewriter:
    async def standalone(self, question: str, history: tuple[str, ...]) -> str:
        return f"{question} (about {history[-1]})"


@pytest.mark.parametrize("question", ["And when does it end?", "why?", "What about Berlin?", "How old is she?"])
def test_questions_that_lean_back(question: str) -> None:
    assert leans_back(question)


def test_a_question_that_stands_alone() -> None:
    assert not leans_back("How many days of parental leave do employees get?")


async def test_a_leaning_question_is_searched_with_the_one_before() -> None:
    plan = await FollowUpByRule().apply(Plan(("And for fathers?",)), ("How long is parental leave?",))
    assert plan.queries == ("How long is parental leave? And for fathers?",)


async def test_a_first_question_is_left_alone() -> None:
    first = Plan(("And for fathers?",))
    assert await FollowUpByRule().apply(first, ()) == first
    assert await FollowUpByModel(Rewriter()).apply(first, ()) == first


async def test_a_model_rewrites_when_there_is_history() -> None:
    plan = await FollowUpByModel(Rewriter()).apply(Plan(("Why?",)), ("Leave",))
    assert plan.queries == ("Why? (about Leave)",)


async def test_of_a_long_message_only_the_end_is_searched_with() -> None:
    long = f"{'pasted text ' * 50_000}How long is parental leave?"
    plan = await FollowUpByRule().apply(Plan(("And for fathers?",)), (long,))
    (query,) = plan.queries
    assert query.endswith("How long is parental leave? And for fathers?")
    assert query.startswith(("pasted ", "text "))
    assert len(query) < 600
    without_words = await FollowUpByRule().apply(Plan(("And?",)), ("x" * 600_000,))
    assert len(without_words.queries[0]) < 600


async def test_a_model_is_told_the_last_questions_and_no_more() -> None:
    class Listening:
        async def standalone(self, question: str, history: list[str]) -> str:
            self.history = history
            return question

    rewriter = Listening()
    await FollowUpByModel(rewriter).apply(Plan(("Why?",)), (*(f"{n} {'word ' * 100_000}end {n}" for n in range(50)),))
    assert [told[-6:] for told in rewriter.history] == [f"end {n}" for n in range(44, 50)]
    assert sum(len(told) for told in rewriter.history) <= 3000
