"""What counts as missing on this server, and how its parts are held to a step that somebody forced."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from ragkeeper.answers.models import AnswerMode
from ragkeeper.core.access import local_administrator
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.operations.degradation.models import Seen, Step
from ragkeeper.operations.degradation.service import DegradationService
from ragkeeper.operations.health.models import ComponentState, Limits
from ragkeeper.operations.health.service import HealthService
from ragkeeper.retrieval.fallback.service import IndexSilent
from ragkeeper.retrieval.reindex.folder import IndexFolder
from ragkeeper.retrieval.reindex.service import ReindexService
from ragkeeper.retrieval.service import RetrievalService
from ragkeeper.retrieval.switching import SwitchableIndex
from ragkeeper.storage.sql.database import Database

_log = structlog.get_logger()

# An index that is away for so long is built anew beside it, at most so often, in seconds.
_HEAL_AFTER = 20.0
# One that is silent may only have too much to do, and to build another would be more still. It is asked once in a few
# seconds then: so long without any answer it is not for that.
_HEAL_AFTER_SILENCE = 300.0
_HEAL_EVERY = 300.0


@dataclass(frozen=True, slots=True)
class Restraint:
    """What a forced step allows: each step includes those before it.

    quotes: whether answers are quoted where every model fails.
    """

    degradation: DegradationService
    quotes: bool = True

    def best(self) -> AnswerMode:
        return AnswerMode(self.degradation.held_to.value)

    def may_rewrite(self) -> bool:
        """Questions are rewritten by the first model."""
        return self.degradation.held_to.rank < Step.FALLBACK_MODEL.rank

    def restrained(self) -> bool:
        """Nothing is reranked, nothing comes from a cache."""
        return self.degradation.held_to is not Step.FULL

    def refusal(self) -> RagkeeperError | None:
        """Why no change is taken, where that was forced."""
        return self.degradation.refusal()

    def held(self) -> str:
        """The same in words, empty where changes are taken."""
        refusal = self.refusal()
        return refusal.message if refusal else ""

    def limits(self) -> Limits:
        """What decides besides the parts about what can be done."""
        # Who holds answers to quoting has them quoted, whatever the settings say.
        needs_model = not self.quotes and self.degradation.held_to.rank < Step.EXTRACTIVE.rank
        return Limits(read_only=not self.degradation.now.takes_changes, needs_model=needs_model)


class IndexHealer:
    """Builds the index anew beside one that is broken for good: its parts lie in SQL."""

    def __init__(
        self,
        retrieval: RetrievalService,
        index: SwitchableIndex,
        folder: IndexFolder,
        reindex: ReindexService,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._retrieval = retrieval
        self._index = index
        self._folder = folder
        self._reindex = reindex
        self._monotonic = monotonic
        self._broken_since: float | None = None
        self._next = 0.0

    async def look(self) -> Seen | None:
        """What is wrong with the index; when it has been for long, what can be done is begun."""
        seen = await self._seen()
        now = self._monotonic()
        if seen is None:
            self._broken_since = None
            return None
        trouble = self._retrieval.index_trouble
        silent = trouble is not None and trouble.code == IndexSilent.code
        if trouble is not None and silent and trouble.answers:
            self._broken_since = None
            return seen
        self._broken_since = self._broken_since or now
        after = _HEAL_AFTER_SILENCE if silent else _HEAL_AFTER
        if now - self._broken_since >= after and now >= self._next:
            self._next = now + _HEAL_EVERY
            await self._begin()
        return seen

    async def _seen(self) -> Seen | None:
        if (trouble := self._retrieval.index_trouble) is not None:
            await self._retrieval.try_index()
            return Seen("index", Step.FULL, trouble.code, f"{trouble.reason} Searches go by words in the database.")
        serving = self._index.serving.name
        if not await asyncio.to_thread(self._folder.exists, serving):
            return Seen("index", Step.FULL, "index_folder_gone", f"The folder of the index {serving} is gone.")
        return None

    async def _begin(self) -> None:
        try:
            await asyncio.to_thread(self._folder.root.mkdir, parents=True, exist_ok=True)
            job = await self._reindex.begin(local_administrator())
        except (RagkeeperError, OSError) as error:
            _log.warning("index_not_built_anew", reason=str(error))
        else:
            _log.warning("index_is_built_anew", job=job)


class Missing:
    """Looks at what is missing now: called every second."""

    def __init__(
        self, database: Database, health: HealthService, retrieval: RetrievalService, healer: IndexHealer
    ) -> None:
        self._database = database
        self._health = health
        self._retrieval = retrieval
        self._healer = healer

    async def __call__(self) -> Sequence[Seen]:
        index = await self._healer.look()
        return [*self._parts(), *self._models(), *([index] if index else [])]

    def _parts(self) -> Iterator[Seen]:
        if (trouble := self._database.trouble) is not None:
            yield Seen("database", Step.READ_ONLY, trouble.code, trouble.message)
        if (error := self._retrieval.reranker_trouble) is not None:
            yield Seen("reranker", Step.WITHOUT_RERANKING, error.code, error.message)

    def _models(self) -> Iterator[Seen]:
        found = self._health.health().components
        models, embedder = found.get("llm_service"), found.get("embedder")
        if models is not None and models.state is ComponentState.UNHEALTHY:
            yield Seen("models", Step.EXTRACTIVE, models.code, models.reason)
        if models is not None and models.state is ComponentState.DEGRADED:
            yield Seen("first_model", Step.FALLBACK_MODEL, models.code, models.reason)
        if embedder is not None and embedder.state is ComponentState.UNHEALTHY:
            yield Seen("embedder", Step.FULL, embedder.code, f"{embedder.reason} Searches go by words alone.")
