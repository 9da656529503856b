"""Ask the golden questions of the documents as they are, and tell as metrics how well they were answered."""

import asyncio

import structlog

from ragkeeper.core.access import Caller, local_administrator
from ragkeeper.core.clock import Clock
from ragkeeper.core.figures import quality as figures
from ragkeeper.core.metrics import Metrics
from ragkeeper.quality.golden import repository, rules
from ragkeeper.quality.golden.errors import NoGoldenQuestions
from ragkeeper.quality.golden.models import GoldenRun
from ragkeeper.quality.golden.ports import Questions, Search
from ragkeeper.retrieval.models import SearchRequest
from ragkeeper.storage.sql.database import Database

_log = structlog.get_logger()

# Hits are passages, of which several may lie in one document.
_PASSAGES = 100


class GoldenQuestions:
    """questions: asked for anew for each run; None: there are none."""

    def __init__(
        self, questions: Questions | None, search: Search, database: Database, metrics: Metrics, clock: Clock
    ) -> None:
        self._questions = questions
        self._search = search
        self._database = database
        self._metrics = metrics
        self._clock = clock

    @property
    def are_set(self) -> bool:
        return self._questions is not None

    async def restore(self) -> None:
        """After a start: the figures of the newest run, until there is another."""
        async with self._database.read() as sql:
            run = await repository.newest(sql)
        if self.are_set and run is not None:
            self._tell(run)

    async def ask(self, caller: Caller) -> GoldenRun:
        """One search for each question. Raises Forbidden, NoGoldenQuestions, what reading and searching raise."""
        caller.require_admin("ask the golden questions")
        if self._questions is None:
            raise NoGoldenQuestions
        queries, judgements = await asyncio.to_thread(self._questions)
        rankings = {query: await self._names(text) for query, text in queries.items()}
        run = rules.scored(rankings, judgements, self._clock())
        async with self._database.write() as sql:
            await repository.keep(sql, run)
        self._tell(run)
        _log.info("golden_questions_asked", questions=run.questions, hit_rate=run.hit_rate, missed=run.missed)
        return run

    async def _names(self, text: str) -> list[str]:
        found = await self._search.search(local_administrator(), SearchRequest(text, top_k=_PASSAGES))
        return list(dict.fromkeys(hit.name for hit in found.hits))

    def _tell(self, run: GoldenRun) -> None:
        self._metrics.set(figures.HIT_RATE, run.hit_rate)
        self._metrics.set(figures.NDCG, run.ndcg)
        self._metrics.set(figures.QUESTIONS, run.questions)
        self._metrics.set(figures.ASKED, run.asked_at.timestamp())
