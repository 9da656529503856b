import asyncio
from pathlib import Path

from ragkeeper.documents.models import VersionStatus
from ragkeeper.providers.embedding.errors import EmbedderUnavailable
from tests.wired import ADMIN, jobs, wired


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
