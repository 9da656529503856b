import pytest

from ragkeeper.generation.terms import fold, keys


@pytest.mark.parametrize("forms", [("produces", "produced", "production"), ("city", "cities"), ("Häuser", "hauser")])
def test_forms_of_a_word_have_one_key(forms: tuple[str, ...]) -> None:
    assert len({keys(form)[0] for form in forms}) == 1


def test_stop_words_are_left_out_and_numbers_stay_whole() -> None:
    assert keys("What was the 1998-2003 result of it?") == ["1998", "2003", "result"]


def test_text_without_spaces_gives_pairs() -> None:
    assert keys("退款政策") == ["退款", "款政", "政策"]


@pytest.mark.parametrize(
    ("word", "folded"), [("Panther's", "panther"), ("l'acqua", "acqua"), ("É", "e"), ("STRASSE", "strasse")]
)
def test_fold(word: str, folded: str) -> None:
    assert fold(word) == folded
