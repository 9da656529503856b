from ragkeeper.retrieval.transforms.hyde import Hyde
from ragkeeper.retrieval.transforms.port import Plan


class Rewriter:
    async def hypothetical_answer(self, question: str) -> str:
        return f"answer to {question}"


async def test_the_made_up_answer_joins_the_question() -> None:
    plan = await Hyde(Rewriter()).apply(Plan(("asked",), ("given",)), ())
    assert plan == Plan(("asked",), ("given", "answer to asked"))
