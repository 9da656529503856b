from ragkeeper.answers.models import Turn
from ragkeeper.entrypoints.writers import exchanges


def test_questions_are_paired_with_the_answers_that_followed() -> None:
    history = [Turn("assistant", "hello"), Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c")]
    assert [(one.question, one.answer) for one in exchanges(history)] == [("a", "b"), ("c", "")]
