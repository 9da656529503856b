import pytest

from ragkeeper.retrieval.reindex import rules
from ragkeeper.retrieval.reindex.models import Comparison, EmbeddingChoice, Gate

CHOICE = EmbeddingChoice("minilm", "openai:x", "minilm")


@pytest.mark.parametrize(
    ("setting", "choice", "serving"),
    [("minilm", None, "minilm"), ("minilm", CHOICE, "openai:x"), ("openai:y", CHOICE, "openai:y")],
)
def test_a_choice_holds_until_the_environment_says_something_else(
    setting: str, choice: EmbeddingChoice | None, serving: str
) -> None:
    assert rules.chosen(setting, choice).serving == serving


def test_switching_keeps_what_served() -> None:
    there = rules.switched(EmbeddingChoice("minilm", "minilm"), "openai:x")
    assert there == CHOICE
    assert rules.switched(there, "minilm") == EmbeddingChoice("minilm", "minilm", "openai:x")


@pytest.mark.parametrize(
    ("comparison", "gate", "refused"),
    [
        (Comparison(10, "titles", 0.4), Gate(), "overlap@10 is 0.40"),
        (Comparison(10, "titles", 0.5), Gate(), None),
        (Comparison(10, "titles", 0.4), Gate(force=True), None),
        (Comparison(0, "titles", 0.0), Gate(), None),
        (Comparison(10, "judged", 0.1, 0.70, 0.69), Gate(), None),
        (Comparison(10, "judged", 0.9, 0.70, 0.60), Gate(), "nDCG@10 falls from 0.700 to 0.600"),
        (Comparison(10, "judged", 0.9, 0.70, 0.60), Gate(max_ndcg_loss=0.2), None),
    ],
)
def test_judgements_decide_and_likeness_only_without_them(
    comparison: Comparison, gate: Gate, refused: str | None
) -> None:
    said = rules.refusal(comparison, gate)
    assert said is None if refused is None else (said or "").startswith(refused)


def test_overlap_is_the_share_of_the_ten_best_that_both_have() -> None:
    assert rules.overlap([1, 2, 3, 4], [4, 3, 9, 8]) == 0.5
    assert rules.overlap(list(range(20)), list(range(10))) == 1.0
    assert rules.overlap([], []) == 1.0
    assert rules.overlap([1], []) == 0.0


def test_ndcg_is_one_for_the_best_order_and_falls_with_the_place() -> None:
    assert rules.ndcg(["a", "b"], {"a": 2, "b": 1}) == 1.0
    assert 0 < rules.ndcg(["x", "a"], {"a": 1}) < 1
    assert rules.ndcg(["x"], {"a": 1}) == rules.ndcg(["a"], {}) == 0.0


def test_room_grows_with_chunks_and_numbers() -> None:
    assert rules.needed_mb(100_000, 384) > 2 * rules.needed_mb(50_000, 128)
    assert rules.needed_mb(1000, 384, to_embed=1000) > rules.needed_mb(1000, 384)
