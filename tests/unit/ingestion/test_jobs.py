import asyncio
from pathlib import Path

import pytest

from ragkeeper.documents.models import Priority, VersionStatus
from ragkeeper.ingestion.brake import DiskBrake
from ragkeeper.ingestion.errors import ParserUnavailable
from ragkeeper.ingestion.models import PendingVersion
from ragkeeper.ingestion.parsers.fake import FakeParser
from ragkeeper.ingestion.parsers.port import ParsedDocument
from ragkeeper.ingestion.service import Upload
from ragkeeper.providers.embedding.errors import EmbedderUnavailable
from ragkeeper.storage.files.store import Space
from tests.waiting import until
from tests.wired import ADMIN, jobs, once, wired


class OvertaxedParser(FakeParser):
    """Cannot start its processes the first times it is asked."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    async def parse(self, path: Path, filename: str) -> ParsedDocument:
        if self.failures:
            self.failures -= 1
            raise ParserUnavailable(reason="too many processes")
        return await super().parse(path, filename)


async def test_everything_accepted_becomes_ready_by_itself(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        background = jobs(product)
        await background.start()
        added = [await product.add(f"{n}.md", f"Text number {n}.") for n in range(40)]
        background.wake()
        async with asyncio.timeout(20):
            await background.settled()
        await background.stop()
        counts = await product.documents.counts(ADMIN)
        assert counts["ready"] == len(added)
        assert (await product.index.count()).with_vectors == len(added)


async def test_a_failing_loop_tells_why_and_recovers(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        product.embedder.fails = EmbedderUnavailable(name="fake", reason="away")
        background = jobs(product)
        await background.start()
        added = await product.add("a.md", "Words.")
        background.wake()
        await until(lambda: background.state()["embed"])
        assert "away" in str(background.state()["embed"])
        product.embedder.fails = None
        async with asyncio.timeout(10):
            await background.settled()
        await background.stop()
        assert (await product.documents.get(ADMIN, added.id)).version.status is VersionStatus.READY


async def test_a_failure_that_may_pass_is_tried_again(tmp_path: Path) -> None:
    parser = OvertaxedParser(failures=1)
    async with wired(tmp_path, parser=parser) as product:
        background = jobs(product)
        await background.start()
        added = await product.add("a.md", "Words.")
        background.wake()
        async with asyncio.timeout(10):
            await background.settled()
        await background.stop()
        assert parser.failures == 0
        assert (await product.documents.get(ADMIN, added.id)).version.status is VersionStatus.READY


async def test_after_three_more_tries_it_has_failed_and_its_neighbours_have_not(tmp_path: Path) -> None:
    class Picky(FakeParser):
        tried = 0

        async def parse(self, path: Path, filename: str) -> ParsedDocument:
            if filename == "poison.md":
                self.tried += 1
                raise ParserUnavailable(reason="it died")
            return await super().parse(path, filename)

    parser = Picky()
    async with wired(tmp_path, parser=parser) as product:
        background = jobs(product)
        await background.start()
        poison = await product.add("poison.md", "Words.")
        others = [await product.add(f"{n}.md", f"Text {n}.") for n in range(5)]
        background.wake()
        async with asyncio.timeout(20):
            await background.settled()
        await background.stop()
        assert parser.tried == 4
        version = (await product.documents.get(ADMIN, poison.id)).version
        assert version.status is VersionStatus.FAILED
        for one in others:
            assert (await product.documents.get(ADMIN, one.id)).version.status is VersionStatus.READY


async def test_what_somebody_adds_goes_before_the_many_that_wait(tmp_path: Path) -> None:
    class Watching(FakeParser):
        def __init__(self) -> None:
            self.order: list[str] = []
            self.go_on = asyncio.Event()

        async def parse(self, path: Path, filename: str) -> ParsedDocument:
            self.order.append(filename)
            await self.go_on.wait()
            return await super().parse(path, filename)

    parser = Watching()
    async with wired(tmp_path, parser=parser) as product:
        background = jobs(product)
        await background.start()
        for number in range(100):
            await product.ingestion.accept(ADMIN, Upload(f"{number}.md", bulk=True), once(f"Text {number}.".encode()))
        background.wake()
        async with asyncio.timeout(20):
            await until(lambda: len(parser.order) >= 2)
            await product.add("urgent.md", "Somebody waits for it.")
            background.wake(Priority.PERSON)
            parser.go_on.set()
            await background.settled()
        await background.stop()
        # The two under way and the one that was claimed for the next free place go on.
        assert parser.order.index("urgent.md") <= 3


async def test_however_fast_people_add_files_only_the_next_ones_are_taken(tmp_path: Path) -> None:
    """What is taken is not seen to be deleted: reading it all in vain, one never came to what was still wanted."""

    class Crowded(FakeParser):
        taken = 0

        async def parse(self, path: Path, filename: str) -> ParsedDocument:
            background.wake(Priority.PERSON)
            self.taken = max(self.taken, (await product.pipeline.backlog())["parsing"])
            return await super().parse(path, filename)

    parser = Crowded()
    async with wired(tmp_path, parser=parser) as product:
        background = jobs(product)
        for number in range(150):
            await product.add(f"{number}.md", f"Text {number}.")
        await background.start()
        async with asyncio.timeout(60):
            await background.settled()
        await background.stop()
        assert (await product.documents.counts(ADMIN))["ready"] == 150
    assert 0 < parser.taken < 80


async def test_what_is_deleted_while_it_waits_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragkeeper.ingestion.jobs._FRESH", 0.0)

    class Held(FakeParser):
        def __init__(self) -> None:
            self.names: list[str] = []
            self.go_on = asyncio.Event()

        async def parse(self, path: Path, filename: str) -> ParsedDocument:
            self.names.append(filename)
            await self.go_on.wait()
            return await super().parse(path, filename)

    parser = Held()
    async with wired(tmp_path, parser=parser) as product:
        added = [await product.add(f"{number}.md", f"Text {number}.") for number in range(10)]
        background = jobs(product)
        await background.start()
        async with asyncio.timeout(20):
            await until(lambda: len(parser.names) >= 2)
            for number in (4, 9):
                await product.deletions.delete(ADMIN, added[number].id)
            parser.go_on.set()
            await background.settled()
        await background.stop()
    assert sorted(parser.names) == [f"{number}.md" for number in (0, 1, 2, 3, 5, 6, 7, 8)]


async def test_a_look_that_fails_before_a_reading_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkeeper.ingestion.jobs._FRESH", 0.0)
    async with wired(tmp_path) as product:
        look, failures = product.pipeline.is_being_read, [OSError("the disk is away")]

        async def failing_once(version: PendingVersion) -> bool:
            if failures:
                raise failures.pop()
            return await look(version)

        monkeypatch.setattr(product.pipeline, "is_being_read", failing_once)
        added = await product.add("some.md", "A text that is found.")
        background = jobs(product)
        await background.start()
        async with asyncio.timeout(20):
            await until(lambda: background.state()["parse"] is not None)
            await background.settled()
        await background.stop()
        assert not failures
        assert (await product.documents.get(ADMIN, added.id)).version.status is VersionStatus.READY


async def test_what_somebody_added_gets_its_vectors_before_the_many(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        for number in range(600):
            await product.ingestion.accept(ADMIN, Upload(f"{number}.md", bulk=True), once(f"Text {number}.".encode()))
        await product.add("urgent.md", "Somebody waits for it.")
        await product.parse()
        background = jobs(product)
        await background.start()
        async with asyncio.timeout(20):
            await background.settled()
        await background.stop()
        assert "Somebody waits" in product.embedder.embedded[0]
        assert len(product.embedder.embedded) == 601


async def test_on_a_full_disk_nothing_is_begun_and_it_goes_on_when_there_is_room(tmp_path: Path) -> None:
    class Disk:
        free_mb = 100

        def __call__(self) -> Space:
            return Space(self.free_mb, 500)

    disk, now = Disk(), [0.0]
    async with wired(tmp_path) as product:
        background = jobs(product, brake=DiskBrake(disk, lambda: now[0]))
        await background.start()
        added = await product.add("a.md", "Words.")
        background.wake()
        await asyncio.sleep(0.3)
        assert (await product.documents.get(ADMIN, added.id)).version.status is VersionStatus.ACCEPTED
        assert "nearly full" in background.activity().full
        disk.free_mb, now[0] = 900, 10.0
        background.wake()
        async with asyncio.timeout(10):
            await background.settled()
        await background.stop()
        assert (await product.documents.get(ADMIN, added.id)).version.status is VersionStatus.READY


async def test_stopping_while_files_are_read_counts_no_attempt(tmp_path: Path) -> None:
    class Endless(FakeParser):
        begun = 0

        async def parse(self, path: Path, filename: str) -> ParsedDocument:
            self.begun += 1
            await asyncio.Event().wait()
            return await super().parse(path, filename)

    parser = Endless()
    async with wired(tmp_path, parser=parser) as product:
        added = await product.add("a.md", "Words.")
        for number in range(5):
            background = jobs(product, retry_seconds=60)
            await background.start()
            await until(lambda number=number: parser.begun > number)
            await background.stop()
        version = (await product.documents.get(ADMIN, added.id)).version
        assert (version.status, version.attempts) == (VersionStatus.ACCEPTED, 0)
