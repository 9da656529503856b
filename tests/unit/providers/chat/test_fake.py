import pytest

from ragkeeper.providers.chat.errors import ChatUnavailable
from ragkeeper.providers.chat.fake import FakeChat, Line, says
from ragkeeper.providers.chat.port import ChatMessage

HI = [ChatMessage("user", "hi")]


async def test_says_its_lines_in_order_and_repeats_the_last() -> None:
    chat = FakeChat("one", "two")
    texts = [(await chat.complete(HI, max_tokens=5, temperature=0)).text for _ in range(3)]
    assert texts == ["one", "two", "two"]


async def test_remembers_what_it_was_asked() -> None:
    chat = FakeChat("one")
    await chat.complete(HI, max_tokens=5, temperature=0)
    assert chat.asked == [HI]


async def test_script_sees_the_messages() -> None:
    chat = FakeChat(script=lambda messages: says("you said " + messages[-1].content))
    assert (await chat.complete(HI, max_tokens=5, temperature=0)).text == "you said hi"


async def test_check_fails_as_the_first_line_does() -> None:
    with pytest.raises(ChatUnavailable):
        await FakeChat(Line(error=ChatUnavailable(provider="fake", reason="down"))).check()
