from typing import Any

import pytest
from pydantic import ValidationError

from ragkeeper.answers.errors import MessagesInvalid
from ragkeeper.answers.models import Turn
from ragkeeper.answers.openai_schemas import ChatCompletionBody, EmbeddingBody


def body(*messages: tuple[str, Any]) -> ChatCompletionBody:
    return ChatCompletionBody.model_validate({"messages": [{"role": role, "content": text} for role, text in messages]})


def test_the_last_word_of_the_user_is_the_question_and_the_rest_the_history() -> None:
    asked = body(("user", "one"), ("assistant", "reply"), ("user", [{"type": "text", "text": "two"}])).question()
    assert (asked.text, asked.history) == ("two", (Turn("user", "one"), Turn("assistant", "reply")))


def test_instructions_and_tools_have_no_say_wherever_they_stand_and_are_named() -> None:
    told = body(
        ("system", "Speak like a pirate."),
        ("user", "one"),
        ("assistant", None),
        ("tool", "a result"),
        ("developer", "Be brief."),
    )
    assert (told.question().text, told.question().history) == ("one", ())
    assert told.ignored_roles() == ["developer", "system", "tool"]


@pytest.mark.parametrize(
    "messages",
    [
        [("system", "Be brief.")],
        [("user", "one"), ("assistant", "reply")],
        [("user", "one"), ("critic", "two")],
    ],
)
def test_messages_that_ask_nothing_or_have_an_unknown_role(messages: list[tuple[str, str]]) -> None:
    with pytest.raises(MessagesInvalid):
        body(*messages).question()


@pytest.mark.parametrize("given", ["x" * 1_000_001, ["x"] * 2049, ["x" * 500_001] * 2])
def test_only_so_much_is_embedded_at_once(given: str | list[str]) -> None:
    with pytest.raises(ValidationError):
        EmbeddingBody(input=given)
    assert EmbeddingBody(input=["x" * 500_000] * 2).texts()
