from pathlib import Path

from ragkeeper.ingestion.sources.models import DUE_JOB, NewSource, SourceChange, SourceKind
from tests.sources import keeping
from tests.waiting import until
from tests.wired import ADMIN


async def test_schedules_follow_the_sources(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.jobs.start()
        assert keeper.store.schedules[DUE_JOB] == []
        made = await keeper.service.add(
            ADMIN, NewSource("docs", SourceKind.FOLDER, "/srv/x", "default", schedule="0 2 * * *")
        )
        [schedule] = keeper.store.schedules[DUE_JOB]
        assert (schedule.cron, schedule.kind, schedule.argument) == ("0 2 * * *", DUE_JOB, {"source": made.source.id})
        assert schedule.since == made.source.created_at
        await keeper.service.change(ADMIN, "docs", SourceChange(paused=True))
        assert keeper.store.schedules[DUE_JOB] == []
        await keeper.service.change(ADMIN, "docs", SourceChange(paused=False))
        run = await keeper.sync()
        keeper.begin()
        await keeper.jobs.start()
        [schedule] = keeper.store.schedules[DUE_JOB]
        assert schedule.since == run.began_at
        await keeper.service.remove(ADMIN, "docs", documents=False)
        assert keeper.store.schedules[DUE_JOB] == []


async def test_what_a_schedule_starts_synchronises_once(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.add()
        keeper.place.contents["a.md"] = "Alpha."
        source_id = (await keeper.service.get(ADMIN, "docs")).source.id
        keeper.place.gate.clear()
        under_way = await keeper.service.sync(ADMIN, "docs")
        due = await keeper.ended(await keeper.engine.submit(DUE_JOB, {"source": source_id}))
        assert due.result == under_way
        keeper.place.gate.set()
        await keeper.ended(under_way)
        gone = await keeper.ended(await keeper.engine.submit(DUE_JOB, {"source": "gone"}))
        assert gone.result is None
        assert await keeper.texts() == {"docs/a.md": "Alpha."}


async def test_a_run_that_was_stopped_in_its_middle_goes_on(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.add()
        keeper.place.contents |= {f"{number}.md": f"Text {number}." for number in range(60)}
        job_id = await keeper.service.sync(ADMIN, "docs")
        await until(lambda: len(keeper.place.opened) >= 30, every=0)
        await keeper.stop()
        before = (await keeper.service.get(ADMIN, "docs")).source.last_run
        assert before.ended_at is None
        keeper.begin()
        await keeper.engine.start()
        await keeper.ended(job_id)
        run = (await keeper.service.get(ADMIN, "docs")).source.last_run
        assert (run.job_id, run.problem, run.items, run.added, run.failed) == (job_id, None, 60, 60, 0)
        assert len(keeper.place.opened) < 100
        counts = await keeper.product.documents.counts(ADMIN)
        assert counts["accepted"] == 60


async def test_a_removal_that_was_stopped_in_its_middle_goes_on(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.add()
        keeper.place.contents |= {"a.md": "Alpha.", "b.md": "Beta."}
        await keeper.sync()
        source = (await keeper.service.get(ADMIN, "docs")).source
        del keeper.place.contents["a.md"]
        gone = await keeper.service.take_in(source.id, "j", allow_removals=False)
        assert gone == ["a.md"]
        assert await keeper.service.remove_gone(source.id, "j", gone) == 1
        assert await keeper.service.remove_gone(source.id, "j", gone) == 0
        assert (await keeper.service.end(source.id, "j", 1)).removed == 1
        assert (await keeper.texts()).keys() == {"docs/b.md"}
