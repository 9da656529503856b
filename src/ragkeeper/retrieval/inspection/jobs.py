"""Inspections and repairs as durable jobs: the daily check, and `doctor index --fix`."""

from datetime import UTC, datetime
from typing import Final

from ragkeeper.jobs.port import JobEngine, JobRun, Json, Schedule
from ragkeeper.retrieval.inspection.models import CHECK, REPAIR, Inspection
from ragkeeper.retrieval.inspection.schemas import InspectionView
from ragkeeper.retrieval.inspection.service import IndexInspector

# A server that was off at that time checks when it comes back: nobody else looks.
_ALWAYS: Final = datetime(2026, 1, 1, tzinfo=UTC)
DAILY: Final = Schedule("index-check", "17 3 * * *", CHECK, since=_ALWAYS)


def register_inspections(engine: JobEngine, inspector: IndexInspector) -> None:
    """Say who does these jobs; before the engine starts."""

    async def check(run: JobRun, _argument: Json) -> Json:
        async def work() -> Json:
            return _result(await inspector.inspect_and_keep())

        return await run.step("check", work)

    async def repair(run: JobRun, _argument: Json) -> Json:
        async def work() -> Json:
            return _result(await inspector.repair())

        return await run.step("repair", work)

    engine.handle(CHECK, check)
    engine.handle(REPAIR, repair)


async def schedule_inspections(engine: JobEngine) -> None:
    await engine.set_schedules(CHECK, [DAILY])


def _result(inspection: Inspection) -> Json:
    result: dict[str, Json] = InspectionView.of(inspection).model_dump(mode="json")
    return result
