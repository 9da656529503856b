import pytest

from ragkeeper.core.errors import NotFound, RagkeeperError


class Burst(RagkeeperError):
    """The pipe burst: {reason}."""

    code = "burst"
    fix = "Type: {command}."


class Leaking(RagkeeperError):
    """The pipe {name} leaks.

    More for the reader of the code.
    """

    code = "leaking"
    fix = "Mend {name}."


def test_the_docstring_is_the_message_and_fields_fill_it() -> None:
    error = Leaking(name="A{1}")
    assert error.message == "The pipe A{1} leaks."
    assert error.advice == "Mend A{1}."


@pytest.mark.parametrize("end", [".", "?", "!", "…", "..."])
def test_a_sentence_in_a_sentence_ends_once(end: str) -> None:
    error = Burst(reason=f"it froze{end}", command=f"thaw{end}")
    assert error.message == f"The pipe burst: it froze{end}"
    assert error.advice == f"Type: thaw{end}"
    assert Burst(reason="frost", command="").message == "The pipe burst: frost."


def test_a_message_never_says_whether_a_forbidden_thing_exists() -> None:
    assert NotFound(kind="document", id="7").message == "There is no document 7 that you may see."
