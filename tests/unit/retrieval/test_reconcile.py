from pathlib import Path

from sqlalchemy import delete

from ragkeeper.storage.sql.tables import index_outbox
from ragkeeper.storage.vectors.fake import FakeIndex
from tests.wired import wired


async def test_only_what_is_missing_is_put_again(tmp_path: Path) -> None:
    index = CountingIndex(64)
    async with wired(tmp_path, index=index) as product:
        for number in range(5):
            await product.add(f"{number}.md", f"Text {number}.")
        await product.settle()
        await product.add("last.md", "The last text.")
        await product.parse()
        await product.drain.drain_all()
        await product.embed()
        async with product.database.write() as sql:
            await sql.execute(delete(index_outbox))
        index.put.clear()
        gap = await product.reconciler.reconcile()
        assert (len(gap.missing), len(gap.unembedded), len(gap.orphans)) == (0, 1, 0)
        assert len(index.put) == 1
        assert (await product.reconciler.compare()).closed


class CountingIndex(FakeIndex):
    """Remembers which chunks were given vectors."""

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self.put: list[int] = []

    async def put_vectors(self, entries):
        self.put += [entry.chunk_id for entry in entries]
        await super().put_vectors(entries)
