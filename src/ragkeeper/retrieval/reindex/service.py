"""Use cases about the index as a whole: build it anew, change its model, undo, give up what is kept."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import structlog

from ragkeeper.core.access import Caller
from ragkeeper.core.clock import Clock
from ragkeeper.core.ids import new_id
from ragkeeper.core.room import free_bytes
from ragkeeper.jobs.port import DurableJob, JobEngine, Json
from ragkeeper.providers.embedding.errors import EmbedderRefused, EmbedderUnavailable
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.retrieval.reindex import repository, rules
from ragkeeper.retrieval.reindex.change import ModelChange
from ragkeeper.retrieval.reindex.errors import (
    ChangeRefused,
    ModelServing,
    ReindexRunning,
    ReindexSpaceLow,
    UnfinishedChange,
)
from ragkeeper.retrieval.reindex.folder import IndexFolder, generation_name
from ragkeeper.retrieval.reindex.keeper import GenerationKeeper
from ragkeeper.retrieval.reindex.models import (
    KIND,
    Comparison,
    Estimate,
    Filled,
    Gate,
    IndexState,
    Judged,
    Kept,
    Plan,
    Portion,
    Progress,
)
from ragkeeper.retrieval.reindex.ports import Builder, EmbedderPair, Opener
from ragkeeper.retrieval.switching import SwitchableIndex, close_quietly
from ragkeeper.storage.sql.database import Database

_log = structlog.get_logger()
_T = TypeVar("_T")

_MEGABYTE = 1_000_000
_LONGEST_PAUSE = 60.0  # seconds
_PORTION = 250_000  # chunks filled in one step: what a crash can cost


@dataclass(slots=True)
class ReindexService:
    """The steps of the job are here too; `jobs.py` says in which order they come. reserve_mb: not to be used up.

    first_pause: seconds until an embedder that is away is asked again; doubles, up to a minute.
    """

    database: Database
    index: SwitchableIndex
    embedder: EmbedderPair
    folder: IndexFolder
    keeper: GenerationKeeper
    change: ModelChange
    builder: Builder
    opener: Opener
    engine: JobEngine
    clock: Clock
    reserve_mb: int
    first_pause: float = 2.0
    _progress: dict[str, Progress] = field(default_factory=dict)
    _changing: asyncio.Lock = field(default_factory=asyncio.Lock)  # two requests at once do not decide side by side

    async def start(self) -> None:
        """Once the job engine has started: remove what jobs have left that do not go on."""
        active = await self._active()
        await self.keeper.remove_leftovers({active.id} if active else frozenset())

    async def state(self) -> IndexState:
        serving = self.index.serving
        counts = await self.index.count()
        pointer, choice, active = self.keeper.pointer, await self.keeper.choice(), await self._active()
        beside = self.index.beside
        return IndexState(
            serving=Kept(serving.name, serving.model, counts.points, counts.with_vectors),
            previous=pointer.previous,
            previous_model=beside.model if beside and beside.name == pointer.previous else None,
            choice=choice,
            incomplete=self.index.incomplete,
            job=active.id if active else None,
            progress=self._progress.get(active.id) if active else None,
        )

    async def job(self, caller: Caller, job_id: str) -> tuple[DurableJob | None, Progress | None]:
        caller.require_admin("look at jobs of the search index")
        return await self.engine.find(job_id), self._progress.get(job_id)

    async def estimate(self, caller: Caller, choice: str | None) -> Estimate:
        """What a reindex costs; with a model, it is opened and asked for a few vectors. Nothing is changed."""
        caller.require_admin("rebuild the search index")
        if choice is None:
            embedder = self.embedder.serving
            async with self.database.read() as sql:
                n_chunks, _ = await repository.expected(sql, embedder.name)
            needed = round(rules.needed_mb(n_chunks, embedder.dimension), 1)
            return Estimate(embedder.name, n_chunks, 0, 0.0, 0.0, needed)
        await self._check_change(choice)
        # One of its own: what stands beside belongs to the job, which may begin or end meanwhile.
        opened = await self.keeper.open_embedder(choice)
        try:
            return await self.change.estimate(opened)
        finally:
            await opened.close()

    async def begin(
        self, caller: Caller, choice: str | None = None, gate: Gate | None = None, golden: Sequence[Judged] = ()
    ) -> str:
        """Submit the job and return its id.

        Raises ReindexRunning, UnfinishedChange, ModelServing, ReindexSpaceLow.
        """
        caller.require_admin("rebuild the search index")
        gate = gate or Gate()
        judged: list[Json] = [{"query": one.query, "grades": dict(one.grades)} for one in golden]
        limits: dict[str, Json] = {
            "min_overlap": gate.min_overlap,
            "max_ndcg_loss": gate.max_ndcg_loss,
            "force": gate.force,
        }
        async with self._changing:
            await self._require_idle()
            await self._check_change(choice)
            await self._require_space(self.embedder.serving)
            return await self.engine.submit(KIND, {"choice": choice, "gate": limits, "golden": judged}, job_id=new_id())

    async def roll_back(self, caller: Caller) -> None:
        """Raises ReindexRunning, NothingKept and what the kept index or its model says."""
        caller.require_admin("rebuild the search index")
        async with self._changing:
            await self._require_idle()
            await self.keeper.roll_back()

    async def finish(self, caller: Caller) -> None:
        """Raises ReindexRunning, NothingKept."""
        caller.require_admin("rebuild the search index")
        async with self._changing:
            await self._require_idle()
            await self.keeper.finish()

    async def cancel(self, caller: Caller) -> bool:
        """Stop the job under way and remove what it has made; False when there is none."""
        caller.require_admin("rebuild the search index")
        async with self._changing:
            active = await self._active()
            if active is None:
                return False
            await self.engine.cancel(active.id)
            await self.keeper.abandon(active.id)
            self._progress.pop(active.id, None)
            return True

    async def follow_up(self) -> bool:
        """While two models are kept: vectors of the other one for what is new; True when there was something."""
        kept, embedder = self.index.beside, self.embedder.beside
        if kept is None or embedder is None or kept.name != self.keeper.pointer.previous:
            return False
        return bool(await self.change.embed_lacking(embedder, wanted=lambda: self._holds(embedder)))

    async def patiently(self, job_id: str, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do a step, again and again while the embedder is away: what it has embedded by then is kept.

        Raises what will not pass by itself, EmbedderRefused among it.
        """
        pause = self.first_pause
        while True:
            try:
                return await work()
            except EmbedderRefused:
                raise
            except EmbedderUnavailable as error:
                before = self._progress.get(job_id) or Progress("planning")
                if not before.waits_for:
                    _log.warning("reindex_waits", job=job_id, stage=before.stage, reason=error.message)
                self._progress[job_id] = replace(before, waits_for=error.message)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    # --- the job's steps, each of which may be repeated

    async def plan(self, job_id: str, choice: str | None) -> Plan:
        """Raises ReindexSpaceLow and what opening the embedder raises."""
        embedder = await self._embedder_of(choice)
        await self._require_space(embedder)
        async with self.database.read() as sql:
            n_chunks, _ = await repository.expected(sql, embedder.name)
        return Plan(generation_name(self.clock(), job_id), embedder.name, embedder.dimension, n_chunks, choice)

    async def embed(self, job_id: str, plan: Plan) -> int:
        embedder = await self._embedder_of(plan.choice)
        async with self.database.read() as sql:
            total = await repository.count_lacking(sql, plan.model)
        self._tell(job_id, "embedding", 0, total)
        return await self.change.embed_lacking(embedder, lambda done: self._tell(job_id, "embedding", done, total))

    async def fill(self, job_id: str, plan: Plan, after: int, done: int) -> Filled:
        self._tell(job_id, "filling", done, plan.chunks)
        portion = Portion(plan.generation, plan.model, plan.dimension, after, _PORTION)
        return await self.builder.fill(portion, lambda more: self._tell(job_id, "filling", done + more, plan.chunks))

    async def compare(self, job_id: str, plan: Plan, golden: Sequence[Judged]) -> Comparison:
        self._tell(job_id, "comparing")
        embedder = await self._embedder_of(plan.choice)
        opened = await self.opener.open_existing(plan.generation, embedder)
        try:
            before = (self.embedder.serving, self.index.serving)
            return await self.change.compare(before, (embedder, opened), golden)
        finally:
            await close_quietly(opened)

    def pass_gate(self, plan: Plan, comparison: Comparison, gate: Gate) -> None:
        """Raises ChangeRefused."""
        if reason := rules.refusal(comparison, gate):
            raise ChangeRefused(model=plan.model, reason=reason)

    async def switch(self, job_id: str, plan: Plan) -> None:
        """Raises what `GenerationKeeper.adopt` raises."""
        self._tell(job_id, "switching")
        if plan.choice is not None and self.keeper.pointer.serving != plan.generation:
            await self.change.embed_lacking(await self._embedder_of(plan.choice))
        await self.keeper.adopt(plan)
        self._progress.pop(job_id, None)

    async def abandon(self, job_id: str) -> None:
        self._progress.pop(job_id, None)
        await self.keeper.abandon(job_id)

    def _tell(self, job_id: str, stage: str, done: int = 0, total: int = 0) -> None:
        before = self._progress.get(job_id)
        if before and before.waits_for and done > 0:
            _log.info("reindex_goes_on", job=job_id, stage=stage)
        # Beginning a step again is not yet getting on with it.
        waits_for = before.waits_for if before and done == 0 and before.stage == stage else ""
        self._progress[job_id] = Progress(stage, done, total, waits_for)

    def _holds(self, embedder: Embedder) -> bool:
        return embedder in (self.embedder.serving, self.embedder.beside)

    async def _embedder_of(self, choice: str | None) -> Embedder:
        """A restart has closed what an earlier step opened. Raises what opening it raises."""
        if choice is None:
            return self.embedder.serving
        if (await self.keeper.choice()).serving == choice:
            return self.embedder.serving  # the switch was made before a crash
        await self.keeper.stand_beside(choice)
        return self.embedder.beside or self.embedder.serving

    async def _active(self) -> DurableJob | None:
        return next(iter(await self.engine.active(KIND)), None)

    async def _require_idle(self) -> None:
        if (active := await self._active()) is not None:
            raise ReindexRunning(job=active.id)

    async def _check_change(self, choice: str | None) -> None:
        now = await self.keeper.choice()
        if now.other is not None:
            raise UnfinishedChange(kept=now.other, model=now.serving)
        if choice is not None and choice == now.serving:
            raise ModelServing(model=choice)

    async def _require_space(self, embedder: Embedder) -> None:
        async with self.database.read() as sql:
            n_chunks, _ = await repository.expected(sql, embedder.name)
            to_embed = await repository.count_lacking(sql, embedder.name)
        needed = rules.needed_mb(n_chunks, embedder.dimension, to_embed)
        there = free_bytes(self.folder.root)
        if there is None:
            return
        free = there / _MEGABYTE - self.reserve_mb
        if free < needed:
            raise ReindexSpaceLow(needed_mb=round(needed), free_mb=round(max(free, 0)))
