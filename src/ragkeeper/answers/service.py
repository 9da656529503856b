"""One question, start to finish: search, generate by the first model that can, or quote; then check what is cited."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

import structlog

from ragkeeper.answers import rules
from ragkeeper.answers.answer_cache import AnswerCache, Place
from ragkeeper.answers.errors import StreamTimedOut
from ragkeeper.answers.models import (
    AnswerEvent,
    AnswerMode,
    AnswerResult,
    Done,
    Progress,
    Question,
    Sources,
    Token,
)
from ragkeeper.answers.ports import Best, Compressor, Extractor, Writer
from ragkeeper.core.access import Caller
from ragkeeper.core.metrics import ANSWERS, GROUNDING, Metrics
from ragkeeper.core.telemetry import Stopwatch, observe_stages
from ragkeeper.generation.models import Answer, Passage
from ragkeeper.providers.chat.errors import ChatError
from ragkeeper.retrieval.models import SearchRequest, SearchResult
from ragkeeper.retrieval.service import RetrievalService

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """passages: hits an answer is made from; stream_timeout: most seconds a streamed answer may take.

    quotes_instead: whether an answer is quoted when every model fails; otherwise that failure is raised.
    """

    passages: int
    stream_timeout: float
    quotes_instead: bool = True


class AnswerService:
    """`writers` in order of preference; none means that answers are quoted. `best`: what answers are held to."""

    def __init__(
        self,
        retrieval: RetrievalService,
        extractor: Extractor,
        writers: Sequence[Writer],
        options: AnswerOptions,
        compressor: Compressor | None = None,
        metrics: Metrics | None = None,
        cache: AnswerCache | None = None,
        best: Best = lambda: AnswerMode.FULL,
    ) -> None:
        self._retrieval = retrieval
        self._extractor = extractor
        self._writers = writers
        self._options = options
        self._compressor = compressor
        self._metrics = metrics or Metrics()
        self._cache = cache
        self._best = best

    @property
    def models(self) -> list[str]:
        return [writer.model for writer in self._writers]

    async def answer(self, caller: Caller, question: Question) -> AnswerResult:
        """Raises what searching raises. A model that fails costs its turn, not the answer."""
        question = replace(question, history=rules.recent(question.history))
        place = await self._place(caller, question)
        if found := await self._recall(place):
            return found
        result = await self._answer(caller, question)
        await self._keep(place, caller, question, result)
        return result

    async def _answer(self, caller: Caller, question: Question) -> AnswerResult:
        watch, best = Stopwatch(), self._best()
        search = await self._search(caller, question, watch)
        notes = rules.held_note(best)
        passages = await self._passages(search, best, watch, notes)
        failures: list[ChatError] = []
        for place, writer in self._writers_for(passages, best):
            try:
                with watch.stage("generate"):
                    answer = await writer.answer(question.text, passages, question.history)
                mode = rules.mode_of(place, best, without_reranking=search.without_reranking)
                return await self._finish(search, answer, mode, writer.model, notes, watch)
            except ChatError as error:
                notes.append(f"{writer.name} was skipped: {error.message}")
                failures.append(error)
                _log.warning("model_skipped", provider=writer.name, code=error.code, reason=error.message)
        self._accept_quoting(failures)
        return await self._without_model(search, passages, best, notes, watch)

    async def stream(self, caller: Caller, question: Question) -> AsyncGenerator[AnswerEvent, None]:
        """The same as events. Raises StreamTimedOut, and ChatError when a model breaks off in the middle.

        Closing the iterator cancels what is under way, the model's call included.
        """
        most = self._options.stream_timeout
        limit = min(question.timeout or most, most)
        if question.timeout and question.timeout > most:
            yield Progress("limited", f"{most:g} seconds at most")
        stage = "starting"
        try:
            async with asyncio.timeout(limit), aclosing(self._events(caller, question)) as events:
                async for event in events:
                    stage = event.stage if isinstance(event, Progress) else stage
                    yield event
        except TimeoutError as error:
            # The text that the guides look for in the log.
            _log.warning("Stream timeout", code=StreamTimedOut.code, limit_seconds=limit, stage=stage)
            raise StreamTimedOut(seconds=limit, stage=stage) from error

    async def _events(self, caller: Caller, question: Question) -> AsyncGenerator[AnswerEvent, None]:
        question = replace(question, history=rules.recent(question.history))
        yield Progress("searching")
        place = await self._place(caller, question)
        if found := await self._recall(place):
            for event in rules.told_again(found):
                yield event
            return
        async with aclosing(self._made(caller, question)) as events:
            async for event in events:
                if isinstance(event, Done):
                    await self._keep(place, caller, question, event.result)
                yield event

    async def _place(self, caller: Caller, question: Question) -> Place | None:
        """What is kept may be better than what answers are held to: then it is left alone."""
        if self._cache is None or self._best() is not AnswerMode.FULL:
            return None
        return await self._cache.place(caller, question)

    def _writers_for(self, passages: Sequence[Passage], best: AnswerMode) -> list[tuple[int, Writer]]:
        """Who may be asked, each with its place in the operator's order."""
        first = rules.first_writer(best, len(self._writers)) if passages else len(self._writers)
        return list(enumerate(self._writers))[first:]

    async def _recall(self, place: Place | None) -> AnswerResult | None:
        found = await self._cache.recall(place) if self._cache else None
        if found is not None:
            self._note(found.answer, found.mode)
        return found

    async def _keep(self, place: Place | None, caller: Caller, question: Question, result: AnswerResult) -> None:
        """Not once answers are held to less: its search may have done without something by then."""
        if self._cache is not None and self._best() is AnswerMode.FULL:
            await self._cache.keep(place, caller, question, result)

    async def _made(self, caller: Caller, question: Question) -> AsyncGenerator[AnswerEvent, None]:
        """An answer in the making, from its sources on."""
        watch, best = Stopwatch(), self._best()
        search = await self._search(caller, question, watch)
        yield Sources(search.hits)
        notes = rules.held_note(best)
        passages = await self._passages(search, best, watch, notes)
        failures: list[ChatError] = []
        for place, writer in self._writers_for(passages, best):
            yield Progress("generating", writer.model)
            answer: Answer | None = None
            try:
                async with aclosing(self._pieces(writer, question, passages, watch)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Answer):
                            answer = piece
                        else:
                            yield Token(piece)
            except _NotBegunError as error:
                notes.append(f"{writer.name} was skipped: {error}")
                failures.append(error.failure)
                continue
            if answer is not None:
                mode = rules.mode_of(place, best, without_reranking=search.without_reranking)
                yield Done(await self._finish(search, answer, mode, writer.model, notes, watch))
                return
        self._accept_quoting(failures)
        yield Progress("listing" if best is AnswerMode.SEARCH_ONLY else "quoting")
        result = await self._without_model(search, passages, best, notes, watch)
        yield Token(result.answer.text)
        yield Done(result)

    async def _pieces(
        self, writer: Writer, question: Question, passages: Sequence[Passage], watch: Stopwatch
    ) -> AsyncGenerator[str | Answer, None]:
        """The writer's pieces. A failure before the first one raises _NotBegunError: another model may try."""
        began, begun = time.perf_counter(), False
        with watch.stage("generate"):
            async with aclosing(writer.stream(question.text, passages, question.history)) as pieces:
                try:
                    async for piece in pieces:
                        if not begun:
                            watch.took("first_token", began)
                        begun = True
                        yield piece
                except ChatError as error:
                    _log.warning("model_failed", provider=writer.name, code=error.code, begun=begun)
                    if begun:
                        raise
                    raise _NotBegunError(error) from error

    async def _search(self, caller: Caller, question: Question, watch: Stopwatch) -> SearchResult:
        request = SearchRequest(
            query=question.text,
            top_k=question.top_k or self._options.passages,
            collection=question.collection,
            mode=question.mode,
            history=rules.earlier_questions(question.history),
        )
        result = await self._retrieval.search(caller, request)
        for stage, milliseconds in result.timings_ms.items():
            watch.add("retrieve" if stage == "total" else stage, milliseconds)
        return result

    async def _passages(
        self, search: SearchResult, best: AnswerMode, watch: Stopwatch, notes: list[str]
    ) -> Sequence[Passage]:
        """The hits, numbered; compressed when that is asked for and works."""
        passages = rules.passages(search.hits)
        if self._compressor is None or not passages or not rules.may_compress(best):
            return passages
        with watch.stage("compress"):
            try:
                return await self._compressor.compress(search.queries[0], passages)
            except ChatError as error:
                notes.append(f"not compressed: {error.message}")
                return passages

    def _accept_quoting(self, failures: Sequence[ChatError]) -> None:
        """Raises the failure of the model that is tried again first, where answers are not to be quoted instead."""
        if failures and not self._options.quotes_instead:
            raise min(failures, key=lambda error: math.inf if error.retry_after is None else error.retry_after)

    async def _without_model(
        self,
        search: SearchResult,
        passages: Sequence[Passage],
        best: AnswerMode,
        notes: list[str],
        watch: Stopwatch,
    ) -> AnswerResult:
        """Quoted, or where only searching is allowed a list of what was found."""
        if best is AnswerMode.SEARCH_ONLY:
            return await self._finish(search, rules.listing(passages), best, None, notes, watch)
        with watch.stage("quote"):
            answer = await self._extractor.answer(search.queries[0], passages)
        return await self._finish(search, answer, AnswerMode.EXTRACTIVE, None, notes, watch)

    async def _finish(
        self,
        search: SearchResult,
        answer: Answer,
        mode: AnswerMode,
        model: str | None,
        notes: list[str],
        watch: Stopwatch,
    ) -> AnswerResult:
        """Ask the truth once more: what was deleted or replaced while the answer was made is not cited."""
        with watch.stage("verify"):
            versions = {hit.version_id for hit in search.hits}
            gone = versions - await self._retrieval.still_current(sorted(versions))
        checked = rules.without_versions(answer, gone)
        if gone and mode is AnswerMode.EXTRACTIVE:
            checked = rules.only_supported(checked)
        if gone and mode is AnswerMode.SEARCH_ONLY:
            checked = rules.listing(checked.hints)
        self._count(checked, mode, search, watch)
        return AnswerResult(
            answer=checked,
            mode=mode,
            model=model,
            sources=search.hits,
            notes=(*search.notes, *notes, *filter(None, [answer.note])),
            timings_ms=watch.timings(),
            search_mode=search.mode,
        )

    def _count(self, answer: Answer, mode: AnswerMode, search: SearchResult, watch: Stopwatch) -> None:
        """Its own stages only: the search has told of its own."""
        own = {stage: spent for stage, spent in watch.stages.items() if stage not in {*search.timings_ms, "retrieve"}}
        observe_stages(self._metrics, own)
        self._note(answer, mode)

    def _note(self, answer: Answer, mode: AnswerMode) -> None:
        self._metrics.count(ANSWERS, mode=mode.value)
        if (result := rules.grounding(answer)) is not None:
            self._metrics.count(GROUNDING, result=result)


class _NotBegunError(Exception):
    """A model failed before it wrote anything."""

    def __init__(self, failure: ChatError) -> None:
        super().__init__(failure.message)
        self.failure = failure
