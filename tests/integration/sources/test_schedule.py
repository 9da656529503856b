"""Sources on the engine that servers use: schedules, and one job for all of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from dbos import DBOS

from ragkeeper.ingestion.sources.models import DUE_JOB, NewSource, SourceKind
from ragkeeper.jobs.dbos_engine import DbosEngine
from tests.sources import keeping
from tests.waiting import until
from tests.wired import ADMIN


async def test_what_is_due_is_read_and_all_can_be_read_at_once(tmp_path: Path) -> None:
    def in_an_hour() -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)

    async with keeping(
        tmp_path, lambda _: DbosEngine(f"sqlite:///{tmp_path / 'jobs.db'}", lambda: DBOS, in_an_hour)
    ) as keeper:
        keeper.place.contents["a.md"] = "Alpha."
        await keeper.service.add(ADMIN, NewSource("docs", SourceKind.FOLDER, "/srv/x", "default", schedule="0 * * * *"))
        await keeper.jobs.start()
        await keeper.engine.start()

        async def read() -> bool:
            return (await keeper.service.get(ADMIN, "docs")).source.synced_at is not None

        await until(read)
        assert await keeper.texts() == {"docs/a.md": "Alpha."}
        [due] = await keeper.engine.jobs(DUE_JOB, 9)
        assert due.result == (await keeper.service.get(ADMIN, "docs")).source.last_run.job_id

        await keeper.add("more")
        started = await keeper.service.sync_all(ADMIN)
        job = await keeper.ended(started.job_id)
        assert job.result == dict.fromkeys(started.job_ids, "done")
        assert len(started.job_ids) == 2
