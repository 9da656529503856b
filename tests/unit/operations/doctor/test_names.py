import random
from itertools import pairwise

import pytest

from ragkeeper.operations.doctor.names import Names

MANY = [f"{word} {number}" for number in range(10_000) for word in ("Report", "Übersicht der Ämter")]


@pytest.fixture(scope="module")
def many() -> Names:
    return Names(MANY, 4)


def test_each_of_very_many_is_found_wherever_it_stands(many: Names) -> None:
    for name in MANY:
        for text in (name, f"{name} is first", f"last is {name}", f"in{name}between"):
            assert many.hidden(text, "-") == (text.replace(name, "-"), 1)


def test_what_is_beside_them_stays(many: Names) -> None:
    text = "Reports of 10 Ämter, and the rest of a text that is longer than any of them"
    assert many.hidden(text, "-") == (text, 0)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("abcd and abcdef", ("- and -", 2)),
        ("abcdabcd", ("--", 2)),
        ("abcdefgh", ("-", 1)),
        ("the defgh abcdef", ("the - -", 2)),
        ("abc", ("abc", 0)),
        ("", ("", 0)),
    ],
)
def test_the_longest_goes_and_what_overlaps_goes_with_it(text: str, hidden: tuple[str, int]) -> None:
    assert Names(["abcd", "abcdef", "defgh", "abc"], 4).hidden(text, "-") == hidden


def test_nothing_of_any_name_is_left_of_any_text() -> None:
    chance = random.Random(7)  # noqa: S311 - no secret
    for _ in range(300):
        names = ["".join(chance.choices("abc", k=chance.randint(4, 7))) for _ in range(12)]
        text = "".join(chance.choices("abc", k=60))
        hidden, count = Names(names, 4).hidden(text, "-")
        inside = [at for at in range(60) for name in names if text.startswith(name, at)]
        kept = hidden.split("-")
        assert [name for name in names if any(name in piece for piece in kept)] == []
        assert len(kept) == count + 1
        assert (count > 0) == bool(inside)


def test_places_come_in_order_and_apart(many: Names) -> None:
    """Also where thousands of names stand in one text."""
    text = "; ".join(MANY)
    hidden, count = many.hidden(text, "-")
    assert (hidden, count) == ("; ".join("-" for _ in MANY), len(MANY))
    assert all(one != other for one, other in pairwise(MANY))
