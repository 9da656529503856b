"""Answers given again: of the same access to the same documents, and of nothing that has changed since."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ragkeeper.answers.answer_cache import AnswerCache
from ragkeeper.answers.models import AnswerEvent, AnswerMode, Done, Progress, Question, Sources, Token, Turn
from ragkeeper.answers.service import AnswerOptions, AnswerService
from ragkeeper.answers.similar import SimilarQuestions
from ragkeeper.core.access import Right
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.tracing import Trace, traced
from ragkeeper.documents import repository as document_rows
from ragkeeper.generation.extractive import ExtractiveAnswerer
from ragkeeper.generation.models import Answer, Passage, quote
from ragkeeper.providers.chat.errors import ChatError, ChatUnavailable
from ragkeeper.providers.embedding.errors import EmbedderUnavailable
from ragkeeper.storage.cache.memory import MemoryCache
from ragkeeper.storage.cache.port import CacheKind, CacheTally
from tests.wired import ADMIN, Wired, user, wired

QUESTION = Question("When is the bell rung?")


class CountingWriter:
    """Quotes the first passage, and counts how often it is asked."""

    name = model = "counting"

    def __init__(self) -> None:
        self.calls = 0
        self.error: ChatError | None = None
        self.asked = asyncio.Event()
        self.meanwhile = asyncio.Event()
        self.meanwhile.set()

    async def answer(self, question: str, passages: Sequence[Passage], history: Sequence[Turn]) -> Answer:
        self.calls += 1
        self.asked.set()
        await self.meanwhile.wait()
        if self.error:
            raise self.error
        return Answer(passages[0].text, (), (quote(passages[0], 0, len(passages[0].text), 1.0),), False, 1.0)

    async def stream(
        self, question: str, passages: Sequence[Passage], history: Sequence[Turn]
    ) -> AsyncGenerator[str | Answer, None]:
        answer = await self.answer(question, passages, history)
        for word in answer.text.split(" "):
            yield f"{word} "
        yield answer


@dataclass
class Answering:
    product: Wired
    writer: CountingWriter = field(default_factory=CountingWriter)
    store: MemoryCache = field(default_factory=lambda: MemoryCache(1_000_000))
    tally: CacheTally = field(default_factory=CacheTally)
    held_to: AnswerMode = AnswerMode.FULL

    def service(
        self,
        settings: str = "settings",
        seconds: float = 7200,
        best: AnswerMode = AnswerMode.FULL,
        similar: bool = False,
        metrics: Metrics | None = None,
    ):
        questions = SimilarQuestions(self.store, self.product.embedder) if similar else None
        cache = AnswerCache(self.store, self.tally, self.product.retrieval, settings, seconds, best, questions)
        writers = [self.writer] if best is AnswerMode.FULL else []
        return AnswerService(
            self.product.retrieval,
            ExtractiveAnswerer(None, threshold=0),
            writers,
            AnswerOptions(5, 60),
            metrics=metrics,
            cache=cache,
            best=lambda: self.held_to,
        )

    async def ask(self, question: Question = QUESTION, caller=ADMIN, **how: object) -> tuple[str, bool]:
        result = await self.service(**how).answer(caller, question)
        return result.answer.text, result.cached_seconds is not None


@pytest.fixture
async def answering(tmp_path: Path) -> AsyncIterator[Answering]:
    async with wired(tmp_path) as product:
        await product.add("bell.txt", "The bell is rung on foggy nights.")
        await product.settle()
        yield Answering(product)


async def stream_of(service: AnswerService, caller=ADMIN) -> list[AnswerEvent]:
    return [event async for event in service.stream(caller, QUESTION)]


async def test_an_equal_question_takes_no_model_call(answering: Answering):
    first, second = [await answering.service().answer(ADMIN, QUESTION) for _ in range(2)]
    assert answering.writer.calls == 1
    assert first.cached_seconds is None
    assert second.cached_seconds is not None
    assert second.cached_seconds >= 0
    assert replace(second, cached_seconds=None, timings_ms=first.timings_ms) == first
    assert (answering.tally.hits(CacheKind.ANSWER), answering.tally.misses(CacheKind.ANSWER)) == (1, 1)


async def test_an_answer_given_again_has_its_stage_in_a_trace(answering: Answering):
    await answering.ask()
    for asked in (answering.ask, lambda: stream_of(answering.service())):
        with traced(trace := Trace("a question")):
            await asked()
        assert [span.name for span in trace.spans] == ["recall"]


async def test_what_is_kept_now_is_given_and_not_what_was_kept_before(answering: Answering):
    await answering.ask()
    [key] = answering.store._held
    [kept] = [held.value for held in answering.store._held.values()]
    for value in (kept.replace(b"foggy", b"windy"), kept):
        await answering.store.set(*key, value)
        result = await answering.service().answer(ADMIN, QUESTION)
        assert result.cached_seconds is not None
        assert (b"windy" in value) is ("windy" in result.sources[0].text)
    await answering.store.set(*key, kept[:-1])
    assert (await answering.service().answer(ADMIN, QUESTION)).cached_seconds is None
    assert answering.writer.calls == 2


async def test_a_stream_from_the_cache_has_the_same_events(answering: Answering):
    first, second = [await stream_of(answering.service()) for _ in range(2)]
    assert answering.writer.calls == 1
    kinds = [Progress, Sources, Progress, Token, Done]
    assert list(dict.fromkeys(type(event) for event in first)) == list(dict.fromkeys(kinds))
    assert [type(event) for event in second] == kinds
    assert second[1] == first[1]
    assert second[2] in [Progress("cached", f"{seconds} s old") for seconds in range(60)]
    done = [events[-1] for events in (first, second)]
    assert [event.result.cached_seconds is None for event in done if isinstance(event, Done)] == [True, False]
    assert await answering.ask() == ("The bell is rung on foggy nights.", True)


@pytest.mark.parametrize("streamed", [False, True])
async def test_each_answer_is_counted_given_again_or_not(answering: Answering, streamed: bool):
    metrics = Metrics()
    for _ in range(3):
        service = answering.service(metrics=metrics)
        await (stream_of(service) if streamed else service.answer(ADMIN, QUESTION))
    assert answering.writer.calls == 1
    assert 'rag_answers_total{mode="full"} 3.0' in metrics.scrape().decode()


async def test_nothing_is_kept_once_answers_are_held_to_less(answering: Answering):
    """The search before may have been held to less already, which it does not tell."""
    answering.writer.meanwhile.clear()
    asked = asyncio.create_task(answering.ask())
    await answering.writer.asked.wait()
    answering.held_to = AnswerMode.WITHOUT_RERANKING
    answering.writer.meanwhile.set()
    await asked
    assert (await answering.store.usage())[CacheKind.ANSWER].entries == 0


async def test_a_deletion_at_the_last_moment_leaves_nothing_behind(answering: Answering):
    """It empties the cache just before the answer gets there."""
    [hit] = (await answering.service().answer(ADMIN, QUESTION)).sources

    class Late(MemoryCache):
        async def set(self, *entry: Any) -> None:
            await answering.product.deletions.delete(ADMIN, hit.document_id)
            for kind in CacheKind:
                await self.clear(kind)
            await super().set(*entry)

    answering.store = Late(1_000_000)
    await answering.ask()
    assert (await answering.store.usage())[CacheKind.ANSWER].entries == 0


async def test_a_new_document_a_change_and_a_deletion_each_make_a_new_answer(answering: Answering):
    product = answering.product
    await answering.ask()
    added = await product.add("horn.txt", "A horn. A bell rung.")
    await product.settle()
    assert (await answering.ask())[1] is False
    await product.add("bell.txt", "The bell is never rung now.")
    await product.settle()
    text, cached = await answering.ask()
    assert (text, cached) == ("The bell is never rung now.", False)
    await product.deletions.delete(ADMIN, added.id)
    assert (await answering.ask())[1] is False
    await product.settle()
    assert [(await answering.ask())[1] for _ in range(2)] == [False, True]


async def test_an_answer_whose_source_went_is_not_given_even_if_its_version_stayed(answering: Answering):
    """The key alone would do; this is the second lock."""
    service = answering.service()
    await service.answer(ADMIN, QUESTION)
    place = await answering.service()._cache.place(ADMIN, QUESTION)
    assert await service._cache.recall(place) is not None
    await answering.product.deletions.delete(ADMIN, (await answering.product.search("bell")).hits[0].document_id)
    assert await service._cache.recall(place) is None


async def test_access_that_is_taken_away_takes_the_answer_away(answering: Answering):
    product, anna = answering.product, user("anna")
    [default] = await product.documents.collections(ADMIN)
    async with product.database.write() as sql:
        await document_rows.grant(sql, default.id, "anna", Right.READ)
    await answering.ask()
    assert await answering.ask(caller=anna) == ("The bell is rung on foggy nights.", True)
    async with product.database.write() as sql:
        await sql.exec_driver_sql("DELETE FROM collection_access WHERE principal = 'anna'")
    text, cached = await answering.ask(caller=anna)
    assert cached is False
    assert "bell" not in text


async def test_what_changed_while_the_model_wrote_keeps_its_answer_from_being_kept(answering: Answering):
    answering.writer.meanwhile.clear()
    asked = asyncio.create_task(answering.ask())
    await answering.writer.asked.wait()
    await answering.product.add("horn.txt", "A horn is blown.")
    await answering.product.settle()
    answering.writer.meanwhile.set()
    await asked
    assert (await answering.store.usage())[CacheKind.ANSWER].entries == 0


async def test_an_answer_of_a_lower_step_is_not_kept(answering: Answering):
    answering.writer.error = ChatUnavailable(provider="p", reason="away")
    assert [(await answering.ask())[1] for _ in range(2)] == [False, False]
    answering.writer.error = None
    assert [(await answering.ask())[1] for _ in range(2)] == [False, True]
    answering.writer.error = ChatUnavailable(provider="p", reason="away")
    assert (await answering.ask())[1] is True


async def test_without_models_quoted_answers_are_kept(answering: Answering):
    assert [(await answering.ask(best=AnswerMode.EXTRACTIVE))[1] for _ in range(2)] == [False, True]


async def test_every_part_of_a_question_and_the_settings_count(answering: Answering):
    await answering.ask()
    others = [
        replace(QUESTION, text="When is the bell sold?"),
        replace(QUESTION, collection="default", top_k=1),
        replace(QUESTION, history=(Turn("user", "What is a bell?"), Turn("assistant", "A thing."))),
        replace(QUESTION, history=(Turn("user", "What is a bell?"), Turn("assistant", "Another thing."))),
    ]
    assert [(await answering.ask(one))[1] for one in others] == [False] * 4
    assert (await answering.ask(settings="another model"))[1] is False
    assert (await answering.ask(replace(QUESTION, text=" When is the bell rung?", timeout=3)))[1] is True
    # The same collections by another name.
    assert (await answering.ask(replace(QUESTION, collection="default")))[1] is True


async def test_an_answer_ends_with_its_time(answering: Answering):
    await answering.ask(seconds=0.1)
    await asyncio.sleep(0.15)
    assert (await answering.ask(seconds=0.1))[1] is False
    assert answering.writer.calls == 2


async def test_a_question_in_other_words_gets_the_same_answer_only_where_that_is_wanted(answering: Answering):
    other = replace(QUESTION, text="When is bell rung?")
    await answering.ask(similar=True)
    assert (await answering.ask(other))[1] is False
    await answering.store.clear(CacheKind.ANSWER)
    await answering.ask(similar=True)
    assert await answering.ask(other, similar=True) == ("The bell is rung on foggy nights.", True)
    assert (answering.tally.hits(CacheKind.SEMANTIC), answering.tally.misses(CacheKind.SEMANTIC)) == (1, 2)


async def test_other_questions_access_documents_and_conversations_are_not_similar(answering: Answering):
    product, anna = answering.product, user("anna")
    await answering.ask(similar=True)
    for text in ("When is the bell not rung?", "When is the horn rung?", "Where is the bell rung?"):
        assert (await answering.ask(replace(QUESTION, text=text), similar=True))[1] is False
    other = replace(QUESTION, text="When is bell rung?")
    assert (await answering.ask(other, caller=anna, similar=True))[1] is False
    said = (Turn("user", "What is a bell?"), Turn("assistant", "A thing."))
    assert (await answering.ask(replace(other, history=said), similar=True))[1] is False
    assert (await answering.ask(replace(other, top_k=1), similar=True))[1] is False
    await product.add("horn.txt", "A horn.")
    await product.settle()
    assert (await answering.ask(other, similar=True))[1] is False


async def test_words_alone_do_not_make_questions_similar(answering: Answering):
    """Without vectors, as when their model is away, nothing is called similar."""
    await answering.ask(similar=True)
    answering.product.embedder.fails = EmbedderUnavailable(name="fake", reason="away")
    questions = SimilarQuestions(answering.store, answering.product.embedder)
    place = await answering.service()._cache.place(ADMIN, replace(QUESTION, text="When is bell rung?"))
    assert await questions.find(place.family, place.text) is None
    answering.product.embedder.fails = None
    assert await questions.find(place.family, place.text) is not None
