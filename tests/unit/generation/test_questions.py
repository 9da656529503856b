import pytest

from ragkeeper.generation.questions import Kind, kind_of, new_names, new_numbers, new_times


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who wrote it?", Kind.PERSON),
        ("Which team won?", Kind.PERSON),
        ("When did it open?", Kind.TIME),
        ("In what year did it open?", Kind.TIME),
        ("How many points did they score?", Kind.NUMBER),
        ("Where is it?", Kind.PLACE),
        ("Why did it fail?", Kind.REASON),
        ("How does it work?", Kind.MANNER),
        ("What is a quark?", Kind.MEANING),
        ("Name the largest planet", Kind.OTHER),
        ("Wann wurde es gebaut?", Kind.TIME),
        ("Wie viele Punkte?", Kind.NUMBER),
        ("¿Cuándo se construyó?", Kind.TIME),
        ("¿Por qué falló?", Kind.REASON),
        ("", Kind.OTHER),
    ],
)
def test_kind(question: str, kind: Kind) -> None:
    assert kind_of(question) is kind


def test_only_what_the_question_does_not_say_counts() -> None:
    known = frozenset({"1998", "anna", "two"})
    assert new_numbers("In 1998 two of 30 and four failed", known) == 2
    assert new_times("From 1998 to 2003, in May", known) == 2
    assert new_names("Then Anna met Bob in Rome", known) == 2
