"""A new index as a durable job: a stop between two steps costs nothing, one inside a step costs that step."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.jobs.loop import Loop
from ragkeeper.jobs.port import JobEngine, JobRun, Json
from ragkeeper.retrieval.reindex.models import KIND, Comparison, Filled, Gate, Judged, Plan
from ragkeeper.retrieval.reindex.service import ReindexService

_LOOK_SECONDS = 10.0


def register_reindex(engine: JobEngine, service: ReindexService) -> None:
    """Say who does this job; before the engine starts."""

    async def handle(run: JobRun, argument: Json) -> Json:
        reindex = _Reindex(run, service, argument if isinstance(argument, dict) else {})
        try:
            return await reindex.run_all()
        except RagkeeperError:
            await _step(run, "abandon", lambda: service.abandon(run.job_id))
            raise

    engine.handle(KIND, handle)


def second_vectors(service: ReindexService) -> Loop:
    """While two models are kept, both get vectors for what is new."""
    return Loop("second-vectors", service.follow_up, idle_seconds=_LOOK_SECONDS)


@dataclass(frozen=True, slots=True)
class _Reindex:
    run: JobRun
    service: ReindexService
    argument: dict[str, Any]

    async def run_all(self) -> Json:
        job_id, choice = self.run.job_id, self.argument.get("choice")
        plan = Plan(**await self._step("plan", lambda: self.service.plan(job_id, choice)))
        if choice is not None:
            await self._step("embed", lambda: self.service.embed(job_id, plan))
        n_chunks = await self._fill(plan)
        comparison = await self._compare(plan) if choice is not None else None
        await self._step("switch", lambda: self.service.switch(job_id, plan))
        return {**asdict(plan), "chunks": n_chunks, "comparison": asdict(comparison) if comparison else None}

    async def _step(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        return await _step(self.run, name, lambda: self.service.patiently(self.run.job_id, work))

    async def _fill(self, plan: Plan) -> int:
        filled, done = Filled(0, 0, complete=False), 0
        while not filled.complete:
            work = partial(self.service.fill, self.run.job_id, plan, filled.after, done)
            filled = Filled(**await self._step("fill", work))
            done += filled.chunks
        return done

    async def _compare(self, plan: Plan) -> Comparison:
        golden = [Judged(**one) for one in self.argument.get("golden", [])]
        found = await self._step("compare", lambda: self.service.compare(self.run.job_id, plan, golden))
        comparison = Comparison(**found)
        self.service.pass_gate(plan, comparison, Gate(**self.argument.get("gate", {})))
        return comparison


async def _step(run: JobRun, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
    """A step whose result is plain data, or one of our frozen classes."""

    async def stored() -> Json:
        result = await work()
        plain: Json = asdict(result) if hasattr(result, "__dataclass_fields__") else result
        return plain

    return await run.step(name, stored)
