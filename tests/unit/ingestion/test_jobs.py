import asyncio
from pathlib import Path

from ragkeeper.documents.models import VersionStatus
from ragkeeper.ingestion.errors import ParserUnavailable
from ragkeeper.ingestion.parsers.fake import FakeParser
from ragkeeper.ingestion.parsers.port import ParsedDocument
from ragkeeper.providers.embedding.errors import EmbedderUnavailable
from tests.wired import ADMIN, jobs, wired


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
        async with asyncio.timeout(10):
            while background.state()["embed"] is None:  # noqa: ASYNC110 - the loop's state has no event
                await asyncio.sleep(0.01)
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


async def test_stopping_while_files_are_read_counts_no_attempt(tmp_path: Path) -> None:
    async with wired(tmp_path, parser=OvertaxedParser(failures=100)) as product:
        added = await product.add("a.md", "Words.")
        for _ in range(5):
            background = jobs(product)
            await background.start()
            async with asyncio.timeout(5):
                while (await product.documents.get(ADMIN, added.id)).version.status is not VersionStatus.PARSING:  # noqa: ASYNC110 - SQL has no events
                    await asyncio.sleep(0.01)
            await background.stop()
        version = (await product.documents.get(ADMIN, added.id)).version
        assert (version.status, version.attempts) == (VersionStatus.ACCEPTED, 0)
