import pytest

from ragkeeper.retrieval.fallback.rules import fit, terms


def forms(query: str) -> list[str]:
    return [term.forms[0] for term in terms(query)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("How is the pump P-7 serviced?", ["servic", "pump", "how", "the", "7"]),
        ("", []),
        ("?! -- _", []),
        ("a an to", []),
        ("Pump pump PUMP", ["pump"]),
    ],
)
def test_words_lose_their_endings_and_the_longest_come_first(query: str, expected: list[str]):
    assert forms(query) == expected


def test_a_long_question_costs_no_more_than_a_short_one():
    assert len(terms(" ".join(f"word{number}" for number in range(1000)))) == 8


def test_scripts_without_spaces_are_looked_for_by_two_characters():
    assert forms("育児休暇") == ["育児", "児休", "休暇"]


def test_capitals_outside_ascii_are_looked_for_too():
    [term] = terms("übung")
    assert term.forms == ("übung", "Übung", "ÜBUNG")


def test_a_text_with_more_of_the_words_fits_better():
    wanted = terms("pump service hours")
    texts = ["Nothing of the kind.", "The pump runs.", "The pump needs service.", "Pump service every 400 hours."]
    scores = [fit(text, wanted) for text in texts]
    assert scores == sorted(scores)
    assert scores[0] == 0


def test_the_same_words_count_more_in_a_shorter_text():
    wanted = terms("pump")
    assert fit("pump", wanted) > fit("pump " + "x " * 500, wanted)
