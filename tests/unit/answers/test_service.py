import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from ragkeeper.answers.errors import StreamTimedOut
from ragkeeper.answers.models import AnswerEvent, AnswerMode, Done, Progress, Question, Sources, Token, Turn
from ragkeeper.answers.service import AnswerOptions, AnswerService
from ragkeeper.generation.extractive import ExtractiveAnswerer
from ragkeeper.generation.models import Answer, Passage
from ragkeeper.providers.chat.errors import ChatBrokenStream, ChatError, ChatRateLimited, ChatUnavailable
from ragkeeper.retrieval.errors import QueryTooLong
from ragkeeper.retrieval.service import RetrievalService
from ragkeeper.retrieval.transforms.follow_up import FollowUpByRule
from tests.wired import ADMIN, OPTIONS, Wired, wired

AWAY = ChatUnavailable(provider="p", reason="away")


class ScriptedWriter:
    """Writes its pieces; raises `error` after `good` of them; waits `delay` seconds before each."""

    def __init__(self, name: str, error: ChatError | None = None, good: int = 0, delay: float = 0) -> None:
        self.name = self.model = name
        self._error, self._good, self._delay = error, good, delay
        self.closed = False

    async def answer(self, question: str, passages: Sequence[Passage], history: Sequence[Turn]) -> Answer:
        if self._error:
            raise self._error
        return Answer(f"{self.name} says", (), (), False, 1.0)

    async def stream(
        self, question: str, passages: Sequence[Passage], history: Sequence[Turn]
    ) -> AsyncGenerator[str | Answer, None]:
        try:
            for number, piece in enumerate((self.name, " says")):
                await asyncio.sleep(self._delay)
                if self._error and number >= self._good:
                    raise self._error
                yield piece
            yield Answer(f"{self.name} says", (), (), False, 1.0)
        finally:
            self.closed = True


def service(product: Wired, *writers: ScriptedWriter, timeout: float = 5) -> AnswerService:
    return AnswerService(
        product.retrieval, ExtractiveAnswerer(product.embedder, threshold=0), writers, AnswerOptions(5, timeout)
    )


async def filled(product: Wired) -> None:
    await product.add("leave.md", "Parental leave lasts twelve weeks. Ask the people team.")
    await product.settle()


ASKED = Question("How long does parental leave last?")


async def collect(answers: AnswerService, question: Question = ASKED) -> list[AnswerEvent]:
    return [event async for event in answers.stream(ADMIN, question)]


async def test_without_a_model_sentences_are_quoted(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        result = await service(product).answer(ADMIN, ASKED)
        assert (result.mode, result.model) == (AnswerMode.EXTRACTIVE, None)
        assert "twelve weeks" in result.answer.text
        [source] = result.sources
        citation = result.answer.citations[0]
        assert citation.quote == source.text[citation.start - source.start : citation.end - source.start]
        assert {"embed", "search", "quote", "total"} <= set(result.timings_ms)


async def test_the_first_model_that_answers_is_named(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        result = await service(product, ScriptedWriter("big", AWAY), ScriptedWriter("small")).answer(ADMIN, ASKED)
        assert (result.mode, result.model, result.answer.text) == (AnswerMode.FALLBACK_MODEL, "small", "small says")
        assert "big was skipped" in result.notes[0]


async def test_when_every_model_fails_the_answer_is_quoted(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        answers = service(product, ScriptedWriter("big", AWAY))
        assert (await answers.answer(ADMIN, ASKED)).mode is AnswerMode.EXTRACTIVE
        last = (await collect(answers))[-1]
        assert isinstance(last, Done)
        assert last.result.mode is AnswerMode.EXTRACTIVE


async def test_where_quoting_is_off_the_model_that_is_tried_first_again_speaks(tmp_path: Path) -> None:
    soon = ChatRateLimited(provider="soon", retry_after=3)
    writers = [ScriptedWriter("big", AWAY), ScriptedWriter("soon", soon)]
    async with wired(tmp_path) as product:
        await filled(product)
        extractor = ExtractiveAnswerer(product.embedder, threshold=0)
        options = AnswerOptions(5, 5, quotes_instead=False)
        answers = AnswerService(product.retrieval, extractor, writers, options)
        with pytest.raises(ChatRateLimited):
            await answers.answer(ADMIN, ASKED)
        with pytest.raises(ChatRateLimited):
            await collect(answers)
        without = AnswerService(product.retrieval, extractor, [], options)
        assert (await without.answer(ADMIN, ASKED)).mode is AnswerMode.EXTRACTIVE


async def test_a_stream_tells_what_it_does_in_order(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        events = await collect(service(product, ScriptedWriter("big")))
        assert [type(event) for event in events] == [Progress, Sources, Progress, Token, Token, Done]
        assert "".join(event.text for event in events if isinstance(event, Token)) == "big says"


async def test_a_model_that_breaks_off_ends_the_stream_with_its_error(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        broken = ScriptedWriter("big", ChatBrokenStream(provider="p", reason="cut"), good=1)
        with pytest.raises(ChatBrokenStream):
            await collect(service(product, broken, ScriptedWriter("small")))


async def test_a_slow_answer_is_ended_and_its_model_let_go(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        slow = ScriptedWriter("slow", delay=30)
        with pytest.raises(StreamTimedOut, match=r"0\.3 seconds"):
            await collect(service(product, slow, timeout=60), Question(ASKED.text, timeout=0.3))
        assert slow.closed


async def test_a_caller_cannot_raise_the_time_limit(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        answers = service(product, ScriptedWriter("slow", delay=30), timeout=0.3)
        patient = Question(ASKED.text, timeout=3600)
        with pytest.raises(StreamTimedOut):
            await collect(answers, patient)
        async with aclosing(answers.stream(ADMIN, patient)) as stream:
            assert await anext(stream) == Progress("limited", "0.3 seconds at most")


async def test_closing_the_stream_closes_the_model_s(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        writer = ScriptedWriter("big")
        stream = service(product, writer).stream(ADMIN, ASKED)
        async for event in stream:
            if isinstance(event, Token):
                break
        await stream.aclose()
        assert writer.closed


async def test_a_document_deleted_while_the_answer_is_written_is_not_cited(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("leave.md", "Parental leave lasts twelve weeks.")
        await product.settle()

        class Deleting(ExtractiveAnswerer):
            async def answer(self, question: str, passages: Sequence[Passage]) -> Answer:
                found = await super().answer(question, passages)
                await product.deletions.delete(ADMIN, added.id)
                return found

        extractor = Deleting(product.embedder, threshold=0)
        answers = AnswerService(product.retrieval, extractor, [], AnswerOptions(5, 5))
        result = await answers.answer(ADMIN, ASKED)
        assert result.answer.citations == ()
        assert result.answer.refused
        assert "twelve weeks" not in result.answer.text
        assert not any(sentence.supported for sentence in result.answer.sentences)


async def test_without_any_hit_no_model_is_asked(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        result = await service(product, ScriptedWriter("big")).answer(ADMIN, ASKED)
        assert result.answer.refused
        assert result.mode is AnswerMode.EXTRACTIVE


async def test_a_history_of_megabytes_costs_no_more_than_a_short_one(tmp_path: Path) -> None:
    class Attentive(ScriptedWriter):
        async def answer(self, question: str, passages: Sequence[Passage], history: Sequence[Turn]) -> Answer:
            self.told = sum(len(turn.content) for turn in history)
            return await super().answer(question, passages, history)

    long = tuple(Turn("user", "earlier words " * 40_000) for _ in range(20))
    async with wired(tmp_path) as product:
        await filled(product)
        writer = Attentive("big")
        await service(product, writer).answer(ADMIN, Question(ASKED.text, history=long))
        assert writer.told < 130_000


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_question_that_is_too_long_is_refused_before_anything_is_computed(
    tmp_path: Path, streamed: bool
) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        product.embedder.fails = AssertionError("embedded")
        question = Question("x" * 1001, history=(Turn("user", "y" * 5000),))
        answers = service(product, ScriptedWriter("big"))
        with pytest.raises(QueryTooLong):
            await (collect(answers, question) if streamed else answers.answer(ADMIN, question))


async def test_only_the_user_s_own_words_are_measured(tmp_path: Path) -> None:
    """With the words of the question before, the query is longer than a question may be."""
    async with wired(tmp_path) as product:
        await filled(product)
        options = replace(OPTIONS, longest_query=100)
        retrieval = RetrievalService(
            product.database, product.generations, product.embedder, product.documents, options, [FollowUpByRule()]
        )
        answers = AnswerService(retrieval, ExtractiveAnswerer(product.embedder, threshold=0), [], AnswerOptions(5, 5))
        result = await answers.answer(ADMIN, Question("And this?", history=(Turn("user", "parental leave " * 500),)))
        assert "twelve weeks" in result.answer.text
