import numpy as np
import pytest

from ragkeeper.providers.embedding.errors import TextTooLong
from ragkeeper.providers.embedding.rules import mean_direction, refuse_longer, text_windows, unit_rows, writable

SPANS = [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]
TEXT = "a b c d e"


def test_rows_get_length_one_and_zeros_stay() -> None:
    rows = unit_rows(np.array([[3, 4], [0, 0]], np.float32))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0]], rtol=1e-6)
    assert rows.dtype == np.float32


def test_mean_direction() -> None:
    np.testing.assert_allclose(mean_direction(np.array([[1, 0], [0, 1]], np.float32)), [0.5**0.5] * 2, rtol=1e-6)


def test_the_limit_itself_is_allowed() -> None:
    refuse_longer("m", 5, 5)
    with pytest.raises(TextTooLong, match=r"6 tokens.* 5 ") as refused:
        refuse_longer("m", 6, 5)
    assert "5 tokens" in refused.value.advice


@pytest.mark.parametrize(
    ("size", "windows"),
    [(5, ["a b c d e"]), (4, ["a b c d ", "e"]), (2, ["a b ", "c d ", "e"]), (1, ["a ", "b ", "c ", "d ", "e"])],
)
def test_windows_lose_nothing(size: int, windows: list[str]) -> None:
    assert text_windows(TEXT, SPANS, size) == windows
    assert "".join(windows) == TEXT


def test_leading_blanks_stay_with_the_first_window() -> None:
    assert text_windows("  a b", [(2, 3), (4, 5)], 1) == ["  a ", "b"]


@pytest.mark.parametrize(
    ("text", "written"), [("plain", "plain"), ("né \ud800x", "né ?x"), ("\U0001f642", "\U0001f642")]
)
def test_lone_surrogates_are_replaced_in_place(text: str, written: str) -> None:
    assert writable(text) == written
