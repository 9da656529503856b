"""Golden questions as a durable job on a schedule."""

from datetime import UTC, datetime
from typing import Final

from ragkeeper.core.access import local_administrator
from ragkeeper.jobs.port import JobEngine, JobRun, Json, Schedule
from ragkeeper.quality.golden.models import GOLDEN
from ragkeeper.quality.golden.schemas import GoldenView
from ragkeeper.quality.golden.service import GoldenQuestions

# A server that was off at that time asks when it comes back.
_ALWAYS: Final = datetime(2026, 1, 1, tzinfo=UTC)


def register_golden(engine: JobEngine, golden: GoldenQuestions) -> None:
    """Say who does these jobs; before the engine starts."""

    async def ask(run: JobRun, _argument: Json) -> Json:
        async def work() -> Json:
            result: dict[str, Json] = GoldenView.of(await golden.ask(local_administrator())).model_dump(mode="json")
            return result

        return await run.step("ask", work)

    engine.handle(GOLDEN, ask)


async def schedule_golden(engine: JobEngine, golden: GoldenQuestions, cron: str) -> None:
    """Raises CronInvalid."""
    schedules = [Schedule("golden-questions", cron, GOLDEN, since=_ALWAYS)] if golden.are_set else []
    await engine.set_schedules(GOLDEN, schedules)
