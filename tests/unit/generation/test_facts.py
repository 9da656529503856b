import pytest

from ragkeeper.generation.facts import names_in, numbers_in


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,000 and 1.000 and 1 000 people", {"1000"}),
        ("3,5 or 3.50 percent", {"3.5"}),
        ("four of 12", {"4", "12"}),
        ("in 2008-2009", {"2008", "2009"}),
        ("none", set()),
    ],
)
def test_numbers_have_one_notation(text: str, numbers: set[str]) -> None:
    assert numbers_in(text) == numbers


def test_names_are_capitalised_words_after_the_first() -> None:
    assert names_in("When Ada met Charles Babbage") == {"ada", "charles", "babbage"}
