"""What the drain notes of the versions whose rows it applied."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy import select

from ragkeeper.core.foreground import Foreground
from ragkeeper.retrieval.outbox import OutboxDrain
from ragkeeper.storage.sql.tables import versions
from ragkeeper.storage.vectors.fake import FakeIndex
from tests.wired import Wired, wired


async def test_a_version_is_ready_only_when_its_vectors_are_in_the_index(tmp_path: Path) -> None:
    """The words are being put when the vectors come into SQL: their row waits, and so does the document."""
    index = MeanwhileIndex(64)
    async with wired(tmp_path, index=index) as product:
        index.meanwhile = product.embed
        await product.add("one.md", "The text.")
        await product.parse()
        await product.drain.drain()
        assert await states(product) == ["searchable"]
        await product.drain.drain()
        assert await states(product) == ["ready"]


async def states(product: Wired) -> list[str]:
    async with product.database.read() as sql:
        return list((await sql.execute(select(versions.c.status))).scalars())


class MeanwhileIndex(FakeIndex):
    """Something else happens while words are put."""

    meanwhile: Callable[[], Awaitable[None]]

    async def put_words(self, entries):
        await super().put_words(entries)
        await self.meanwhile()


async def test_a_batch_is_short_while_somebody_searches(tmp_path: Path) -> None:
    index, foreground = CountingIndex(64), Foreground()
    async with wired(tmp_path, index=index) as product:
        drain = OutboxDrain(product.database, product.generations, product.documents, foreground)
        for number in range(100):
            await product.add(f"{number}.md", f"Text {number}.")
        await product.parse()
        with foreground.waiting():
            await drain.drain()
        assert 0 < sum(index.put) < 100
        await drain.drain_all()
        assert sum(index.put) == 100


class CountingIndex(FakeIndex):
    """Remembers how many chunks each call put."""

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self.put: list[int] = []

    async def put_words(self, entries):
        self.put.append(len(entries))
        await super().put_words(entries)
