import pytest

from ragkeeper.generation.reranking import ModelReranker, scores_of
from ragkeeper.providers.chat.fake import FakeChat


@pytest.mark.parametrize(
    ("reply", "order"),
    [("3, 1, 2", [2, 0, 1]), ("2", [1, 0, 2]), ("9, 0, 3", [2, 0, 1]), ("no idea", [0, 1, 2]), ("1,1,2", [0, 1, 2])],
)
def test_a_reply_becomes_an_order(reply: str, order: list[int]) -> None:
    scores = scores_of(reply, 3)
    assert sorted(range(3), key=lambda place: -scores[place]) == order
    assert all(0 < score <= 1 for score in scores)


async def test_the_model_sees_the_texts_and_its_order_counts() -> None:
    model = FakeChat("2, 1")
    assert await ModelReranker(model).score("q", ["first", "second"]) == [0.5, 1.0]
    assert "second" in model.asked[0][-1].content
