"""A new index and a change of the model over real SQL, with indexes and models in memory."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ragkeeper.core.access import Forbidden
from ragkeeper.core.clock import utc_now
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.jobs.fake import FakeJobEngine, FakeStore
from ragkeeper.jobs.port import DurableJob, DurableState
from ragkeeper.providers.embedding.errors import EmbedderRefused, EmbedderUnavailable
from ragkeeper.providers.embedding.fake import FakeEmbedder
from ragkeeper.providers.embedding.switchable import SwitchableEmbedder
from ragkeeper.retrieval import repository as truth
from ragkeeper.retrieval.reindex import repository
from ragkeeper.retrieval.reindex.change import ModelChange
from ragkeeper.retrieval.reindex.errors import (
    IndexBuildFailed,
    ModelServing,
    NothingKept,
    ReindexRunning,
    ReindexSpaceLow,
    UnfinishedChange,
)
from ragkeeper.retrieval.reindex.folder import IndexFolder, Pointer
from ragkeeper.retrieval.reindex.jobs import register_reindex
from ragkeeper.retrieval.reindex.keeper import GenerationKeeper
from ragkeeper.retrieval.reindex.models import EmbeddingChoice, Filled, Gate, Judged, Portion
from ragkeeper.retrieval.reindex.service import ReindexService
from ragkeeper.retrieval.switching import Generation
from ragkeeper.storage.vectors.fake import FakeIndex
from ragkeeper.storage.vectors.port import VectorEntry
from tests.waiting import ended, until
from tests.wired import ADMIN, Wired, user, wired

OTHER = "openai:other"


@dataclass
class Disk:
    """What outlives a process: indexes by generation, as files would. `dies` counts down to a crash."""

    folder: IndexFolder
    indexes: dict[str, FakeIndex] = field(default_factory=dict)
    portion: int = 2

    def made(self, name: str, dimension: int) -> FakeIndex:
        self.folder.path(name).mkdir(parents=True, exist_ok=True)
        return self.indexes.setdefault(name, FakeIndex(dimension))


class FakeBuilder:
    def __init__(self, product: Wired, disk: Disk) -> None:
        self.product, self.disk = product, disk
        self.fails: RagkeeperError | None = None
        self.before_end = None
        self.calls: list[int] = []

    async def fill(self, portion: Portion, told) -> Filled:
        self.calls.append(portion.after)
        if self.fails:
            raise self.fails
        index = self.disk.made(portion.generation, portion.dimension)
        async with self.product.database.read() as sql:
            entries = await truth.entries_after(sql, portion.model, portion.after, self.disk.portion)
        await index.put_words([words for words, _ in entries])
        vectors = [VectorEntry(words.chunk_id, vector) for words, vector in entries if vector is not None]
        await index.put_vectors(vectors)
        told(len(entries))
        if not entries:
            if self.before_end:
                await self.before_end()
            return Filled(portion.after, 0, complete=True)
        return Filled(entries[-1][0].chunk_id, len(entries), complete=False)


class FakeOpener:
    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    async def open_existing(self, name: str, embedder) -> Generation:
        return Generation(name, embedder.name, self.disk.indexes[name])


@dataclass
class Bench:
    product: Wired
    disk: Disk
    builder: FakeBuilder
    engine: FakeJobEngine
    embedder: SwitchableEmbedder
    opened: list[FakeEmbedder]
    opens: list[FakeEmbedder]
    reindex: ReindexService

    async def ended(self, job_id: str) -> DurableJob:
        return await ended(self.engine, job_id)

    async def run(
        self, choice: str | None = None, gate: Gate | None = None, golden: Sequence[Judged] = ()
    ) -> DurableJob:
        return await self.ended(await self.reindex.begin(ADMIN, choice, gate, golden))

    async def choice(self) -> EmbeddingChoice | None:
        async with self.product.database.read() as sql:
            return await repository.embedding_choice(sql)

    async def is_whole(self) -> bool:
        return (await self.product.reconciler.compare()).closed


@asynccontextmanager
async def bench(folder: Path, *, texts: int = 5, reserve_mb: int = 0) -> AsyncIterator[Bench]:
    disk = Disk(IndexFolder(folder / "index"))
    first = disk.made("20260101T000000-first", 64)
    disk.folder.point(Pointer("20260101T000000-first"))
    async with wired(folder, index=first) as product:
        embedder = SwitchableEmbedder(product.embedder)
        product.generations._serving = Generation("20260101T000000-first", "fake", first)
        product.retrieval._embedder = embedder
        product.pipeline._embedder = embedder
        builder, engine, opened, opens = FakeBuilder(product, disk), FakeJobEngine(FakeStore()), [], []

        async def open_embedder(name: str) -> FakeEmbedder:
            opened.append(opens.pop() if opens else FakeEmbedder(32, max_tokens=100, name=name))
            return opened[-1]

        keeper = GenerationKeeper(
            product.database,
            product.generations,
            embedder,
            disk.folder,
            opener=FakeOpener(disk),
            open_embedder=open_embedder,
            reconciler=product.reconciler,
            drain=product.drain,
            writer=product.outbox,
            setting="minilm",
            reopened=product.pipeline.recover,
        )
        reindex = ReindexService(
            database=product.database,
            index=product.generations,
            embedder=embedder,
            folder=disk.folder,
            keeper=keeper,
            change=ModelChange(product.database, product.outbox, 0.7),
            builder=builder,
            opener=FakeOpener(disk),
            engine=engine,
            clock=utc_now,
            reserve_mb=reserve_mb,
            first_pause=0.01,
        )
        register_reindex(engine, reindex)
        for number in range(texts):
            await product.add(f"{number}.md", f"Pump number{number} needs care.")
        await product.settle()
        try:
            yield Bench(product, disk, builder, engine, embedder, opened, opens, reindex)
        finally:
            await engine.stop()


async def test_a_new_index_serves_and_the_old_one_is_kept(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        embedded = len(one.product.embedder.embedded)
        job = await one.run()
        state = await one.reindex.state()
        assert (job.state, job.result["chunks"]) == (DurableState.DONE, 5)
        assert state.serving.name == job.result["generation"]
        assert (state.serving.chunks, state.serving.vectors) == (5, 5)
        assert state.previous == "20260101T000000-first"
        assert one.disk.folder.names() == ["20260101T000000-first", job.result["generation"]]
        assert len(one.product.embedder.embedded) == embedded, "nothing is embedded again"
        assert one.builder.calls == [0, 2, 4, 5], "in portions, each from where the last one ended"
        assert await one.product.found("number3") != []
        assert await one.is_whole()


async def test_changes_meanwhile_are_in_the_new_index(tmp_path: Path) -> None:
    """The builder has passed by when a document comes, another changes and a third goes."""
    async with bench(tmp_path) as one:

        async def change() -> None:
            await one.product.add("new.md", "A compressor needs cooling.")
            await one.product.add("0.md", "Pump number0 was replaced by a turbine.")
            await one.product.deletions.delete(ADMIN, (await first_document(one.product, "1.md")))
            await one.product.settle()

        one.builder.before_end = change
        assert (await one.run()).state is DurableState.DONE
        assert (await one.reindex.state()).serving.chunks == 5
        assert await one.is_whole()
        assert "new.md" in await one.product.found("compressor")
        assert "0.md" in await one.product.found("turbine")
        assert "1.md" not in await one.product.found("number1")


async def first_document(product: Wired, name: str) -> str:
    found = await product.documents.find_all(ADMIN, collection=None, after=None, limit=50, status=None)
    return next(document.id for document in found if document.name == name)


async def test_an_undo_brings_the_old_index_up_to_date(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        job = await one.run()
        await one.product.add("new.md", "A compressor needs cooling.")
        await one.product.settle()
        await one.product.deletions.delete(ADMIN, await first_document(one.product, "2.md"))
        await one.reindex.roll_back(ADMIN)
        state = await one.reindex.state()
        assert (state.serving.name, state.previous) == ("20260101T000000-first", job.result["generation"])
        assert await one.is_whole()
        assert "new.md" in await one.product.found("compressor")
        await one.reindex.finish(ADMIN)
        assert one.disk.folder.names() == ["20260101T000000-first"]
        for act in (one.reindex.roll_back, one.reindex.finish):
            with pytest.raises(NothingKept):
                await act(ADMIN)


async def test_only_one_is_kept(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        first, second = await one.run(), await one.run()
        assert sorted(one.disk.folder.names()) == sorted([first.result["generation"], second.result["generation"]])
        assert one.disk.folder.pointer() == Pointer(second.result["generation"], first.result["generation"])


async def test_a_builder_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        one.disk.made("20990101T000000-unknown", 64)
        one.builder.fails = IndexBuildFailed(reason="no room")
        job = await one.run()
        assert (job.state, job.code) == (DurableState.FAILED, "index_build_failed")
        assert one.disk.folder.names() == ["20260101T000000-first"]
        assert (await one.reindex.state()).serving.name == "20260101T000000-first"


async def test_an_index_that_lacks_something_never_serves(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:

        async def lose() -> None:
            building = next(index for name, index in one.disk.indexes.items() if not name.endswith("first"))
            building.put_vectors = nothing
            building._vectors.clear()

        async def nothing(entries) -> None:
            """The index forgets."""

        one.builder.before_end = lose
        job = await one.run()
        assert (job.state, job.code) == (DurableState.FAILED, "reindex_incomplete")
        assert "5 vectors" in (job.message or "")
        assert one.product.generations.beside is None
        assert one.disk.folder.names() == ["20260101T000000-first"]


STEPS = [(None, step) for step in range(5)] + [(OTHER, step) for step in range(7)]


@pytest.mark.parametrize(("choice", "step"), STEPS)
@pytest.mark.parametrize("done", [False, True])
async def test_a_stop_at_any_step_costs_nothing(tmp_path: Path, choice: str | None, step: int, done: bool) -> None:
    """The process ends before the step begins, or when it has done its work and nobody knows: the next one goes on."""
    async with bench(tmp_path, texts=3) as one:
        holding = HoldingStore(step, done=done)
        one.engine.store.steps = holding
        job_id = await one.reindex.begin(ADMIN, choice, Gate(force=True))
        await asyncio.wait_for(holding.reached.wait(), 5)
        await one.engine.stop()
        job = await one.engine.find(job_id)
        assert job is not None
        assert not job.state.is_final
        assert await one.product.found("number2") != []
        if one.embedder.name == "fake":
            one.embedder.stand_beside(None)  # a new process opens it again
        holding.step = -1
        await one.reindex.start()
        await one.engine.start()
        assert (await one.ended(job_id)).state is DurableState.DONE
        state = await one.reindex.state()
        assert (state.serving.name, state.serving.chunks) != ("20260101T000000-first", 3)
        assert (state.serving.vectors, state.previous) == (3, "20260101T000000-first")
        assert await one.is_whole()


class HoldingStore(dict):
    """Steps as the engine remembers them; at one of them the process ends: before its work, or after it."""

    def __init__(self, step: int, *, done: bool) -> None:
        super().__init__()
        self.step = step
        self.done = done
        self.reached = asyncio.Event()

    def __contains__(self, key: object) -> bool:
        self._maybe_end(key, done=False)
        return super().__contains__(key)

    def __setitem__(self, key: object, value: object) -> None:
        self._maybe_end(key, done=True)
        super().__setitem__(key, value)

    def _maybe_end(self, key: object, *, done: bool) -> None:
        if isinstance(key, tuple) and key[1] == self.step and done is self.done:
            self.reached.set()
            raise asyncio.CancelledError


async def test_stopping_it_for_good_removes_what_was_built(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        waiting = asyncio.Event()

        async def wait() -> None:
            waiting.set()
            await asyncio.sleep(60)

        one.builder.before_end = wait
        job_id = await one.reindex.begin(ADMIN, OTHER)
        await asyncio.wait_for(waiting.wait(), 5)
        with pytest.raises(ReindexRunning):
            await one.reindex.begin(ADMIN)
        with pytest.raises(ReindexRunning):
            await one.reindex.roll_back(ADMIN)
        state = await one.reindex.state()
        assert (state.job, state.progress and state.progress.stage) == (job_id, "filling")
        assert await one.reindex.cancel(ADMIN)
        assert not await one.reindex.cancel(ADMIN)
        assert one.disk.folder.names() == ["20260101T000000-first"]
        assert one.embedder.beside is None
        assert one.opened[-1].closed


async def test_a_start_removes_what_no_job_goes_on_with(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        one.disk.made("20990101T000000-unknown", 64)
        await one.reindex.start()
        assert one.disk.folder.names() == ["20260101T000000-first"]


async def test_without_room_nothing_begins(tmp_path: Path) -> None:
    async with bench(tmp_path, reserve_mb=10**9) as one:
        with pytest.raises(ReindexSpaceLow):
            await one.reindex.begin(ADMIN)


async def test_only_administrators_may(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        for act in (one.reindex.begin, one.reindex.roll_back, one.reindex.finish, one.reindex.cancel):
            with pytest.raises(Forbidden):
                await act(user("somebody"))


# --- another model


async def test_another_model_serves_with_its_own_vectors(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        job = await one.run(OTHER, Gate(force=True))
        state = await one.reindex.state()
        assert job.state is DurableState.DONE, job
        assert (one.embedder.name, state.serving.model, state.serving.vectors) == (OTHER, OTHER, 5)
        assert await one.choice() == EmbeddingChoice("minilm", OTHER, "minilm")
        assert job.result["comparison"]["questions"] == 5
        assert await one.product.found("number3") != []
        assert await one.is_whole()


async def test_while_both_are_kept_both_learn_what_is_new_and_an_undo_is_instant(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        await one.run(OTHER, Gate(force=True))
        await one.product.add("new.md", "A compressor needs cooling.")
        await one.product.settle()
        assert await one.reindex.follow_up()
        assert not await one.reindex.follow_up()
        await one.product.drain.drain_all()
        counts = [await target.index.count() for target in one.product.generations.targets]
        assert [(count.points, count.with_vectors) for count in counts] == [(6, 6), (6, 6)]
        filled = len(one.builder.calls)
        await one.reindex.roll_back(ADMIN)
        assert (one.embedder.name, (await one.reindex.state()).serving.model) == ("fake", "fake")
        assert await one.choice() == EmbeddingChoice("minilm", "minilm", OTHER)
        assert len(one.builder.calls) == filled
        assert "new.md" in await one.product.found("compressor")
        with pytest.raises(UnfinishedChange):
            await one.reindex.begin(ADMIN, OTHER)


async def test_finishing_forgets_the_other_model(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        await one.run(OTHER, Gate(force=True))
        await one.reindex.finish(ADMIN)
        async with one.product.database.read() as sql:
            assert await repository.foreign_models(sql, OTHER) == []
        assert await one.choice() == EmbeddingChoice("minilm", OTHER, None)
        assert one.product.embedder.closed
        assert (one.embedder.beside, one.product.generations.beside) == (None, None)
        assert len(one.disk.folder.names()) == 1
        assert await one.is_whole()


async def test_finishing_after_an_undo_leaves_no_trace(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        await one.run(OTHER, Gate(force=True))
        await one.reindex.roll_back(ADMIN)
        await one.reindex.finish(ADMIN)
        assert await one.choice() is None
        assert one.disk.folder.names() == ["20260101T000000-first"]


async def test_the_gate_keeps_a_worse_model_out(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        golden = [Judged("number2", {"2.md": 1})]
        job = await one.run(OTHER, Gate(min_overlap=1.0, max_ndcg_loss=0.0), golden)
        assert job.result["comparison"]["ndcg_before"] == 1.0
        await one.reindex.roll_back(ADMIN)
        await one.reindex.finish(ADMIN)
        broken = await one.run("openai:noise", Gate(min_overlap=1.01))
        assert (broken.state, broken.code) == (DurableState.FAILED, "embedding_change_refused")
        assert one.embedder.name == "fake"
        assert one.embedder.beside is None
        async with one.product.database.read() as sql:
            assert await repository.foreign_models(sql, "fake") == ["openai:noise"], "dear vectors are kept"


async def test_the_estimate_asks_the_model_and_changes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        estimate = await one.reindex.estimate(ADMIN, OTHER)
        assert (estimate.model, estimate.chunks, estimate.to_embed) == (OTHER, 5, 5)
        assert estimate.per_second > 0
        assert one.opened[-1].closed
        assert (await one.reindex.estimate(ADMIN, None)).to_embed == 0
        with pytest.raises(ModelServing):
            await one.reindex.estimate(ADMIN, "minilm")


async def test_a_model_that_fails_keeps_its_vectors_for_the_next_try(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        one.builder.fails = IndexBuildFailed(reason="no room")
        assert (await one.run(OTHER)).code == "index_build_failed"
        one.builder.fails = None
        assert (await one.run(OTHER, Gate(force=True))).state is DurableState.DONE
        assert one.opened[-1].embedded == [], "all of them were there"


class Leaving(FakeEmbedder):
    """Goes away after so many texts, until it is told to come back."""

    def __init__(self, *args, after: int, **more) -> None:
        super().__init__(*args, **more)
        self.left = after

    async def embed_documents(self, texts):
        if len(self.embedded) + len(texts) > self.left:
            raise EmbedderUnavailable(name=self.name, reason="connection refused")
        return await super().embed_documents(texts)


async def test_a_change_waits_for_an_embedder_that_goes_away_and_goes_on_where_it_was(tmp_path: Path) -> None:
    async with bench(tmp_path, texts=70) as one:
        leaving = Leaving(32, 100, OTHER, after=64)
        one.opens.append(leaving)
        job_id = await one.reindex.begin(ADMIN, OTHER, Gate(force=True))

        async def waits() -> bool:
            _, progress = await one.reindex.job(ADMIN, job_id)
            return progress is not None and "connection refused" in progress.waits_for

        await until(waits)
        await asyncio.sleep(0.05)
        job, progress = await one.reindex.job(ADMIN, job_id)
        assert job is not None
        assert progress is not None
        assert (job.state, progress.stage) == (DurableState.RUNNING, "embedding")
        assert "connection refused" in progress.waits_for, "an attempt is no progress"
        assert one.embedder.name == "fake"
        leaving.left = 1000
        assert (await one.ended(job_id)).state is DurableState.DONE
        assert (len(leaving.embedded), len(set(leaving.embedded))) == (70, 70)
        assert one.embedder.name == OTHER


async def test_a_change_that_waits_can_be_given_up(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        one.opens.append(Leaving(32, 100, OTHER, after=0))
        job_id = await one.reindex.begin(ADMIN, OTHER)
        await until(lambda: bool(one.reindex._progress.get(job_id) and one.reindex._progress[job_id].waits_for))
        assert await one.reindex.cancel(ADMIN)
        assert (await one.ended(job_id)).state is DurableState.CANCELLED
        assert one.embedder.name == "fake"


async def test_an_embedder_that_refuses_is_not_waited_for(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        refusing = FakeEmbedder(32, 100, OTHER)
        refusing.fails = EmbedderRefused(name=OTHER, reason="wrong key")
        one.opens.append(refusing)
        assert (await one.run(OTHER)).code == "embedder_refused"


async def test_a_pointer_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:

        async def break_the_pointer() -> None:
            one.disk.folder.point(Pointer("20260101T000000-first"))
            (tmp_path / "index" / f".serving.json.{os.getpid()}").mkdir()

        one.builder.before_end = break_the_pointer
        job = await one.run()
        assert (job.state, job.code) == (DurableState.FAILED, "index_folder_unwritable")
        assert (await one.reindex.state()).serving.name == "20260101T000000-first"
        assert one.product.generations.beside is None
        assert await one.product.found("number3") != []
