import asyncio
from pathlib import Path

import pytest

from ragkeeper.core.access import Forbidden
from ragkeeper.documents.errors import CollectionUnknown
from ragkeeper.ingestion.sources.errors import (
    OptionsInvalid,
    SourceExists,
    SourcePaused,
    SourceUnknown,
    SyncUnderWay,
    SyncUnknown,
)
from ragkeeper.ingestion.sources.models import (
    DUE_JOB,
    SYNC_ALL_JOB,
    NewSource,
    RunState,
    SourceChange,
    SourceKind,
)
from ragkeeper.jobs.errors import CronInvalid
from ragkeeper.jobs.fake import FakeJobEngine
from ragkeeper.jobs.port import DurableJob
from tests.sources import keeping
from tests.waiting import until
from tests.wired import ADMIN, user


def new(name: str = "docs", **more) -> NewSource:
    return NewSource(**{"name": name, "kind": SourceKind.FOLDER, "location": "/srv/x", "collection": "default", **more})


async def test_only_administrators_may_do_anything(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.add()
        somebody, service = user("somebody"), keeper.service
        for call in (
            service.sources(somebody),
            service.get(somebody, "docs"),
            service.add(somebody, new("other")),
            service.change(somebody, "docs", SourceChange(paused=True)),
            service.plan_removal(somebody, "docs", documents=True),
            service.remove(somebody, "docs", documents=True),
            service.plan(somebody, "docs"),
            service.sync(somebody, "docs"),
            service.sync_all(somebody),
            service.find_sync(somebody, "j"),
        ):
            with pytest.raises(Forbidden):
                await call
        assert [state.source.name for state in await service.sources(ADMIN)] == ["docs"]


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (new(schedule="every day"), CronInvalid),
        (new(schedule="0 0 31 2 *"), CronInvalid),
        (new(collection="none"), CollectionUnknown),
        (new(options={"depth": 3}), OptionsInvalid),
        (new(options={"most_removed": 2}), OptionsInvalid),
        (new("taken"), SourceExists),
    ],
)
async def test_a_source_that_cannot_work_is_refused(tmp_path: Path, source: NewSource, error: type[Exception]) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.add("taken")
        with pytest.raises(error):
            await keeper.service.add(ADMIN, source)
        assert [state.source.name for state in await keeper.service.sources(ADMIN)] == ["taken"]


async def test_changes_are_checked_and_leave_the_rest(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.service.add(ADMIN, new(schedule="0 2 * * *", options={"watch": False, "most_removed": 0.5}))
        change = SourceChange(options={"most_removed": None, "include": ["*.md"]}, schedule="")
        changed = (await keeper.service.change(ADMIN, "docs", change)).source
        assert (changed.options, changed.schedule) == ({"watch": False, "include": ["*.md"]}, None)
        for wrong, error in (
            (SourceChange(schedule="x"), CronInvalid),
            (SourceChange(options={"x": 1}), OptionsInvalid),
        ):
            with pytest.raises(error):
                await keeper.service.change(ADMIN, "docs", wrong)
        assert (await keeper.service.get(ADMIN, "docs")).source == changed
        with pytest.raises(SourceUnknown):
            await keeper.service.change(ADMIN, "none", SourceChange(paused=True))


async def test_a_second_request_names_the_run_under_way(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.add()
        keeper.place.contents["a.md"] = "Alpha."
        keeper.place.gate.clear()
        first = await keeper.service.sync(ADMIN, "docs")
        assert await keeper.service.sync(ADMIN, "docs") == first
        assert (await keeper.service.get(ADMIN, "docs")).run_state in {RunState.QUEUED, RunState.RUNNING}
        with pytest.raises(SyncUnderWay):
            await keeper.service.sync(ADMIN, "docs", allow_removals=True)
        keeper.place.gate.set()
        await keeper.ended(first)
        second = await keeper.service.sync(ADMIN, "docs", allow_removals=True)
        assert second != first
        assert (await keeper.service.find_sync(ADMIN, first)).result == {
            "items": 1,
            "added": 1,
            "updated": 0,
            "removed": 0,
            "failed": 0,
        }


async def test_what_is_no_synchronisation_is_unknown(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.add()
        due = await keeper.engine.submit(DUE_JOB, {"source": "none"})
        await keeper.ended(due)
        for job_id in (due, "none"):
            with pytest.raises(SyncUnknown):
                await keeper.service.find_sync(ADMIN, job_id)


async def test_all_sources_are_read_again_by_one_job_at_a_time(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        for name in ("a", "b", "c"):
            await keeper.add(name)
        await keeper.service.change(ADMIN, "b", SourceChange(paused=True))
        keeper.place.gate.clear()
        running = await keeper.service.sync(ADMIN, "a")
        first = await keeper.service.sync_all(ADMIN)
        assert await keeper.service.sync_all(ADMIN) == first
        assert first.job_ids[0] == running
        assert len(first.job_ids) == 2
        assert (await keeper.service.find_sync(ADMIN, first.job_id)).kind == SYNC_ALL_JOB
        keeper.place.gate.set()
        job = await keeper.ended(first.job_id)
        assert job.result == dict.fromkeys(first.job_ids, "done")
        assert (await keeper.service.sync_all(ADMIN)).job_id != first.job_id


async def test_a_paused_source_is_not_read(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.add()
        keeper.place.contents["a.md"] = "Alpha."
        paused = await keeper.service.change(ADMIN, "docs", SourceChange(paused=True))
        with pytest.raises(SourcePaused):
            await keeper.service.sync(ADMIN, "docs")
        assert await keeper.service.sync_due(paused.source.id) is None
        await keeper.service.change(ADMIN, "docs", SourceChange(paused=False))
        assert (await keeper.sync()).added == 1


async def test_no_source_is_read_by_itself_while_nothing_may_be_taken_in(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.add()
        [state] = await keeper.service.sources(ADMIN)
        keeper.service.held = lambda: "The server takes no changes."
        assert await keeper.service.sync_due(state.source.id) is None
        keeper.service.held = lambda: ""
        assert await keeper.service.sync_due(state.source.id) is not None


@pytest.mark.parametrize("documents", [True, False])
async def test_a_source_goes_with_or_without_its_documents(tmp_path: Path, documents: bool) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.product.add("by hand.md", "Somebody's own.")
        await keeper.add()
        keeper.place.contents |= {"a.md": "Alpha.", "b.md": "Beta."}
        await keeper.sync()
        plan = await keeper.service.plan_removal(ADMIN, "docs", documents=documents)
        assert (plan.deleted, plan.kept) == ((2, 0) if documents else (0, 2))
        assert len(await keeper.texts()) == 3
        assert await keeper.service.remove(ADMIN, "docs", documents=documents) == plan
        assert len(await keeper.texts()) == (1 if documents else 3)
        assert keeper.forgotten == ["docs"]
        with pytest.raises(SourceUnknown):
            await keeper.service.get(ADMIN, "docs")


async def test_a_source_that_is_added_again_recognises_its_documents(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        for _ in range(2):
            await keeper.add()
            keeper.place.contents["a.md"] = "Alpha."
            assert (await keeper.sync()).added == 1
            await keeper.service.remove(ADMIN, "docs", documents=False)
        [document] = await keeper.product.documents.find_all(ADMIN, collection=None, after=None, limit=9, status=None)
        assert document.version.number == 1


async def test_removing_ends_the_run_under_way(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.add()
        keeper.place.contents["a.md"] = "Alpha."
        keeper.place.gate.clear()
        job_id = await keeper.service.sync(ADMIN, "docs")
        await keeper.service.remove(ADMIN, "docs", documents=True)
        assert (await keeper.engine.find(job_id)).state.value == "cancelled"
        assert await keeper.texts() == {}


async def test_a_run_that_was_cancelled_or_lost_is_told_as_such_and_the_next_can_begin(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.add()
        keeper.place.gate.clear()
        job_id = await keeper.service.sync(ADMIN, "docs")
        await keeper.engine.cancel(job_id)
        assert (await keeper.service.get(ADMIN, "docs")).run_state is RunState.CANCELLED
        keeper.place.gate.set()
        await keeper.sync()
        keeper.place.gate.clear()
        lost = await keeper.service.sync(ADMIN, "docs")
        await keeper.stop()
        del keeper.store.jobs[lost]
        state = await keeper.service.get(ADMIN, "docs")
        assert state.run_state is RunState.FAILED
        assert state.source.last_run.problem.code == "sync_lost"
        keeper.place.gate.set()
        assert (await keeper.sync()).problem is None


async def test_what_breaks_unexpectedly_is_told(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.add()
        keeper.place.fails_after, keeper.place.error = 0, ValueError("a mistake of ours")
        await keeper.ended(await keeper.service.sync(ADMIN, "docs"))
        state = await keeper.service.get(ADMIN, "docs")
        assert (state.run_state, state.source.last_run.problem.code) == (RunState.FAILED, "internal_error")


class LateEngine(FakeJobEngine):
    """From `go_on` on, whoever looks at a job lets it go on and sees it when it has ended."""

    go_on: asyncio.Event | None = None

    async def find(self, job_id: str) -> DurableJob | None:
        if self.go_on is not None:
            self.go_on.set()
            await until(lambda: self.store.jobs[job_id].state.is_final)
        return await super().find(job_id)


async def test_a_run_that_ends_while_it_is_looked_at_is_told_with_what_it_did(tmp_path: Path) -> None:
    async with keeping(tmp_path, LateEngine) as keeper:
        await keeper.add()
        keeper.place.contents["a.md"] = "Alpha."
        keeper.place.gate.clear()
        job_id = await keeper.service.sync(ADMIN, "docs")
        keeper.engine.go_on = keeper.place.gate
        state = await keeper.service.get(ADMIN, "docs")
        assert (state.run_state, state.source.last_run.job_id) == (RunState.DONE, job_id)
        assert (state.source.last_run.added, state.source.last_run.ended_at is None) == (1, False)
