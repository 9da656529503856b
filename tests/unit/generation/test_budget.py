from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.generation.budget import estimate_tokens, fit_history, fit_passages
from ragkeeper.generation.prompts import Turn
from tests.unit.generation.fakes import passage


def test_wide_scripts_cost_a_token_a_character() -> None:
    assert estimate_tokens("退款政策") == 4
    assert estimate_tokens("abcdef") == 2


def test_the_best_passages_stay() -> None:
    passages = [passage(n, "word " * 60) for n in range(1, 6)]
    assert [kept.marker for kept in fit_passages(passages, 300)] == [1, 2]


def test_a_passage_that_is_too_long_alone_is_cut_exactly() -> None:
    long = passage(1, "word " * 1000, start=50)
    (kept,) = fit_passages([long], 100)
    assert kept.text == long.text[: len(kept.text)]
    assert kept.end == 50 + len(kept.text)


@given(st.lists(st.text(max_size=50), max_size=6), st.integers(0, 60))
def test_history_keeps_the_latest_turns_within_its_budget(texts: list[str], tokens: int) -> None:
    turns = [Turn(text, text) for text in texts]
    kept = fit_history(turns, tokens)
    assert kept == turns[len(turns) - len(kept) :]
    assert sum(2 * estimate_tokens(turn.question) for turn in kept) <= tokens
