"""The documents' version: a new one after every transaction that changes what a search could notice."""

from pathlib import Path

import pytest

from ragkeeper.retrieval import repository
from tests.wired import Wired, wired


async def version(product: Wired) -> str | None:
    async with product.database.read() as sql:
        return await repository.settled_version(sql)


async def change(product: Wired, times: int = 1, *, fail: bool = False) -> set[str | None]:
    """The versions seen inside one transaction of so many changes."""
    seen = set()
    async with product.database.write() as sql:
        for _ in range(times):
            await product.outbox.document_removed(sql, "gone")
            [(found, _)] = await repository.SETTLED.rows(sql)
            seen.add(found)
        if fail:
            raise RuntimeError
    return seen


async def test_each_transaction_gets_one_version_that_never_was(tmp_path: Path):
    async with wired(tmp_path) as product:
        before = await version(product)
        first, second = await change(product, 3), await change(product, 2)
        assert (len(first), len(second), len(first | second | {before})) == (1, 1, 3)
        assert await version(product) is None
        await product.drain.drain_all()
        assert {await version(product)} == second


async def test_a_transaction_that_is_undone_leaves_the_version_and_the_next_gets_its_own(tmp_path: Path):
    async with wired(tmp_path) as product:
        await change(product)
        await product.drain.drain_all()
        before = await version(product)
        with pytest.raises(RuntimeError):
            await change(product, fail=True)
        assert await version(product) == before
        await change(product)
        await product.drain.drain_all()
        assert await version(product) not in {before, None}
