import asyncio
from contextlib import aclosing

import pytest

from ragkeeper.generation.models import NOT_FOUND, Answer
from ragkeeper.generation.prompts import NOT_FOUND_REPLY, Turn
from ragkeeper.generation.service import Finished, Generator, TokenDelta, is_refusal
from ragkeeper.providers.chat.errors import ChatBrokenStream
from ragkeeper.providers.chat.fake import FakeChat, Line
from tests.unit.generation.fakes import WordEmbedder, passage

GOODS = passage(1, "Our shop opened in 1998. Customers may return goods within 30 days for a refund. Spring is mild.")
PARCELS = passage(2, "Parcels are shipped by rail. A parcel takes four days.")
QUESTION = "How long may goods be returned?"


async def _ask(*lines: Line | str, history: tuple[Turn, ...] = ()) -> Answer:
    return await Generator(FakeChat(*lines), WordEmbedder()).answer(QUESTION, [GOODS, PARCELS], history)


async def _stream(*pieces: str) -> tuple[str, Answer]:
    events = [
        event async for event in Generator(FakeChat(Line(pieces)), WordEmbedder()).stream(QUESTION, [GOODS, PARCELS])
    ]
    shown = "".join(event.text for event in events if isinstance(event, TokenDelta))
    last = events[-1]
    assert isinstance(last, Finished)
    return shown, last.answer


async def test_each_sentence_is_cited_by_the_span_that_says_it() -> None:
    answer = await _ask("Customers may return goods within 30 days [1]. A parcel takes four days [2].")
    assert [sentence.supported for sentence in answer.sentences] == [True, True]
    assert [citation.quote for citation in answer.citations] == [
        "Customers may return goods within 30 days for a refund.",
        "A parcel takes four days.",
    ]
    assert not answer.refused


async def test_a_wrong_number_is_not_supported() -> None:
    answer = await _ask("Customers may return goods within 60 days for a refund [1].")
    assert not answer.sentences[0].supported
    assert answer.citations[0].quote


async def test_a_sentence_without_a_citation_is_not_supported() -> None:
    answer = await _ask("Customers may return goods [1]. They usually do so happily.")
    assert [sentence.supported for sentence in answer.sentences] == [True, False]


async def test_a_marker_of_no_passage_disappears() -> None:
    answer = await _ask("Goods may be returned [1][7].")
    assert answer.text == "Goods may be returned [1]."
    assert {citation.marker for citation in answer.citations} == {1}


@pytest.mark.parametrize("reply", [NOT_FOUND_REPLY, "Not found.", "not found in your documents", "", " \n"])
async def test_not_found_is_a_refusal_with_hints(reply: str) -> None:
    if reply == "Not found.":
        assert is_refusal(reply)
    answer = await _ask(reply)
    assert answer.refused
    assert answer.text == NOT_FOUND
    assert answer.hints == (GOODS, PARCELS)


async def test_without_passages_the_model_is_not_asked() -> None:
    chat = FakeChat("never")
    answer = await Generator(chat, None).answer(QUESTION, [])
    assert answer.refused
    assert chat.asked == []


async def test_what_was_streamed_is_the_answer() -> None:
    shown, answer = await _stream("Goods may be ret", "urned within 30 days [", "1", "][9", "]. And", " more [2", "].")
    assert shown == answer.text == "Goods may be returned within 30 days [1]. And more [2]."


async def test_a_streamed_refusal_shows_nothing_first() -> None:
    shown, answer = await _stream("NOT", " FO", "UND")
    assert shown == ""
    assert answer.refused


async def test_an_answer_that_begins_like_a_refusal_is_shown() -> None:
    shown, _ = await _stream("Not", " four but 30 days [1].")
    assert shown == "Not four but 30 days [1]."


async def test_a_broken_stream_is_an_error_not_an_answer() -> None:
    chat = FakeChat(Line(("Goods may",), error=ChatBrokenStream(provider="fake", reason="gone")))
    with pytest.raises(ChatBrokenStream):
        [event async for event in Generator(chat, None).stream(QUESTION, [GOODS])]


async def test_closing_the_stream_ends_the_models_call() -> None:
    chat = FakeChat(Line(("word ",) * 1000))
    async with aclosing(Generator(chat, None).stream(QUESTION, [GOODS])) as stream:
        await anext(stream)
        assert chat.open_streams == 1
    assert chat.open_streams == 0


async def test_cancelling_the_reader_ends_the_models_call() -> None:
    chat = FakeChat(Line(("word ",) * 1000, delay=0.01))

    async def read() -> None:
        async with aclosing(Generator(chat, None).stream(QUESTION, [GOODS])) as stream:
            async for _ in stream:
                pass

    task = asyncio.create_task(read())
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert chat.open_streams == 0


async def test_the_model_gets_rules_history_and_fenced_passages() -> None:
    chat = FakeChat("Yes [1].")
    generator = Generator(chat, None, boundary=lambda: "data-xyz")
    await generator.answer(QUESTION, [GOODS], [Turn("Earlier?", "Earlier answer [1].")])
    system, *history, last = chat.asked[0]
    assert "data-xyz" in system.content
    assert [message.content for message in history] == ["Earlier?", "Earlier answer [1]."]
    assert f"<data-xyz passage [1]>\nTitle: Title 1, page 1\n{GOODS.text}\n</data-xyz>" in last.content


async def test_works_without_an_embedder() -> None:
    answer = await Generator(FakeChat("Customers may return goods within 30 days for a refund [1]."), None).answer(
        QUESTION, [GOODS]
    )
    assert answer.sentences[0].supported
