"""Whatever happens to documents and to access: an answer from the cache is the one that would be made now."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ragkeeper.answers.answer_cache import AnswerCache
from ragkeeper.answers.models import AnswerMode, AnswerResult, Done, Question, Turn
from ragkeeper.answers.service import AnswerOptions, AnswerService
from ragkeeper.core.access import Caller, Right
from ragkeeper.documents import repository as document_rows
from ragkeeper.generation.extractive import ExtractiveAnswerer
from ragkeeper.generation.models import Answer, Passage, quote
from ragkeeper.retrieval.search_cache import SearchCache
from ragkeeper.retrieval.service import RetrievalService
from ragkeeper.storage.cache.memory import MemoryCache
from ragkeeper.storage.cache.port import CacheKind, CacheTally
from tests.wired import ADMIN, OPTIONS, Wired, user, wired

COLLECTIONS = ("default", "secret")
CALLERS = (ADMIN, user("anna"), user("otto"))
QUESTIONS = ("When is the bell rung?", "Where is the horn?")
WORDS = ("bell", "horn", "rung", "noon", "tower", "harbour")

places = st.sampled_from(COLLECTIONS)
names = st.sampled_from(("a.txt", "b.txt", "c.txt"))
people = st.sampled_from(("anna", "otto"))
texts = st.lists(st.sampled_from(WORDS), min_size=2, max_size=6).map(" ".join)
asked = st.tuples(st.just("ask"), st.sampled_from(CALLERS), st.sampled_from(QUESTIONS), st.booleans())
changes = st.one_of(
    st.tuples(st.just("put"), places, names, texts),
    st.tuples(st.just("put"), places, names, texts),
    st.tuples(st.just("delete"), places, names),
    st.tuples(st.just("grant"), places, people),
    st.tuples(st.just("revoke"), places, people),
)
work = st.sampled_from((("parse",), ("drain",), ("settle",)))


@st.composite
def episodes(draw: st.DrawFn) -> list[tuple]:
    """A change, and the work it makes in any order and not always to its end; the same question all the while."""
    ask = draw(asked)
    done = [draw(changes), *draw(st.lists(work, max_size=3))]
    return [step for one in done for step in (one, ask, draw(st.sampled_from((ask, draw(asked)))))]


class Quoting:
    """Says what its passages say: other passages, another answer."""

    name = model = "quoting"

    async def answer(self, question: str, passages: Sequence[Passage], history: Sequence[Turn]) -> Answer:
        citations = tuple(quote(passage, 0, len(passage.text), 1.0) for passage in passages)
        return Answer(" / ".join(passage.text for passage in passages), (), citations, False, 1.0)

    async def stream(
        self, question: str, passages: Sequence[Passage], history: Sequence[Turn]
    ) -> AsyncGenerator[str | Answer, None]:
        answer = await self.answer(question, passages, history)
        yield answer.text
        yield answer


@dataclass
class World:
    """The product twice over the same documents: with caches, and without."""

    product: Wired
    cached: AnswerService
    fresh: AnswerService
    tally: CacheTally

    @classmethod
    def over(cls, product: Wired) -> "World":
        store, tally = MemoryCache(1_000_000), CacheTally()
        searches = SearchCache(store, tally, "", 3600)
        parts = (product.database, product.generations, product.embedder, product.documents, OPTIONS)
        retrieval = RetrievalService(*parts, cache=searches)
        cache = AnswerCache(store, tally, retrieval, "", 7200, AnswerMode.FULL)
        made = (ExtractiveAnswerer(None, threshold=0), [Quoting()], AnswerOptions(3, 60))
        return cls(
            product, AnswerService(retrieval, *made, cache=cache), AnswerService(product.retrieval, *made), tally
        )

    async def do(self, step: tuple) -> None:
        match step:
            case ("put", place, name, text):
                await self.product.add(name, text, place)
            case ("delete", place, name):
                await self._delete(place, name)
            case ("grant", place, person):
                await self._access(place, person, granted=True)
            case ("revoke", place, person):
                await self._access(place, person, granted=False)
            case ("parse",):
                await self.product.parse()
            case ("drain",):
                await self.product.drain.drain_all()
            case ("settle",):
                await self.product.settle()
            case ("ask", caller, question, streamed):
                await self.ask(caller, Question(question), streamed=streamed)

    async def ask(self, caller: Caller, question: Question, *, streamed: bool) -> None:
        given_now = await self._answer(caller, question, streamed=streamed)
        expected = await self.fresh.answer(caller, question)
        assert replace(given_now, cached_seconds=None, timings_ms={}) == replace(expected, timings_ms={})
        readable = await self.product.documents.collections(caller)
        assert {hit.collection for hit in given_now.sources} <= {collection.name for collection in readable}

    async def _answer(self, caller: Caller, question: Question, *, streamed: bool) -> AnswerResult:
        if not streamed:
            return await self.cached.answer(caller, question)
        events = [event async for event in self.cached.stream(caller, question)]
        assert isinstance(events[-1], Done)
        return events[-1].result

    async def _delete(self, place: str, name: str) -> None:
        found = await self.product.documents.find_all(ADMIN, collection=place, after=None, limit=100, status=None)
        for document in found:
            if document.name == name:
                await self.product.deletions.delete(ADMIN, document.id)

    async def _access(self, place: str, person: str, *, granted: bool) -> None:
        [collection_id] = await self.product.documents.collection_ids(ADMIN, place)
        async with self.product.database.write() as sql:
            if granted:
                await document_rows.grant(sql, collection_id, person, Right.READ)
            else:
                gone = "DELETE FROM collection_access WHERE collection_id = ? AND principal = ?"
                await sql.exec_driver_sql(gone, (collection_id, person))


@settings(max_examples=30)
@given(st.lists(episodes(), min_size=1, max_size=6))
def test_an_answer_from_the_cache_is_the_one_that_would_be_made_now(lived: list[list[tuple]]):
    steps = [step for episode in lived for step in episode]
    asyncio.run(_live_through([("put", "default", "a.txt", "bell rung noon"), ("settle",), *steps]))


def test_the_sequences_find_answers_in_the_cache():
    """Or the property above would say nothing."""
    ask = ("ask", ADMIN, QUESTIONS[0], False)
    hits = asyncio.run(_live_through([("put", "default", "a.txt", "bell rung noon"), ("settle",), ask, ask, ask]))
    assert hits == 2


async def _live_through(sequence: list[tuple]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        async with wired(Path(folder)) as product:
            await product.documents.create_collection(ADMIN, "secret")
            world = World.over(product)
            for step in sequence:
                await world.do(step)
            return world.tally.hits(CacheKind.ANSWER)
