from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from ragkeeper.core.clock import utc_now
from ragkeeper.documents.models import VersionStatus
from ragkeeper.ingestion.holdings import Holdings
from ragkeeper.ingestion.progress.service import ProgressService
from ragkeeper.storage.sql.tables import collections, versions
from tests.schema import migrated
from tests.wired import ADMIN, NoSyncs, Wired, jobs, wired

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MONTH = timedelta(days=30)


async def of_one(progress: ProgressService, job_id: str) -> None:
    await progress.retry(ADMIN, job_id)


async def of_all(progress: ProgressService, _job_id: str) -> None:
    assert await progress.retry_failed(ADMIN, None) == 1


async def end(product: Wired, status: VersionStatus) -> None:
    """All contents came in a month ago, and ended so."""
    then = utc_now() - MONTH
    async with product.database.write() as sql:
        await sql.execute(update(versions).values(status=status.value, created_at=then, queued_at=then))


def progress_of(product: Wired) -> ProgressService:
    return ProgressService(
        product.database, product.documents, product.deletions, jobs(product), product.embedder, NoSyncs()
    )


async def waited_until_found(product: Wired) -> list[timedelta]:
    """By the figure of freshness."""
    async with product.database.write() as sql:
        found = await product.documents.mark_indexed(sql, await _ids(product), [], product.embedder.name)
    return [found.at - since for since in found.found.values()]


async def _ids(product: Wired) -> list[str]:
    async with product.database.read() as sql:
        return list((await sql.execute(versions.select().with_only_columns(versions.c.id))).scalars())


@pytest.mark.parametrize("retry", [of_one, of_all])
async def test_what_is_taken_up_again_has_waited_since_then(
    tmp_path: Path, retry: Callable[[ProgressService, str], Awaitable[None]]
) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("a.md", "Words.")
        await end(product, VersionStatus.FAILED)
        before = utc_now()
        await retry(progress_of(product), added.version)
        assert (await Holdings(product.database).queue()).oldest >= before
        await product.parse()
        assert [one < MONTH for one in await waited_until_found(product)] == [True]


async def test_what_was_read_and_goes_on_has_waited_since_then(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("a.md", "Words.")
        await product.parse()
        await end(product, VersionStatus.CANCELLED)
        await progress_of(product).retry(ADMIN, added.version)
        assert [one < MONTH for one in await waited_until_found(product)] == [True]


async def test_what_nobody_took_up_has_waited_since_it_came(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await product.add("a.md", "Words.")
        await end(product, VersionStatus.ACCEPTED)
        assert (await Holdings(product.database).queue()).oldest < utc_now() - MONTH / 2


async def test_the_first_start_is_as_old_as_the_oldest_collection(tmp_path: Path):
    database = await migrated(tmp_path / "ragkeeper.db")
    holdings = Holdings(database)
    assert await holdings.first_start() is None
    async with database.write() as sql:
        for number, age in enumerate((1, 30, 7)):
            made = {"id": str(number), "name": str(number), "description": ""}
            await sql.execute(insert(collections).values(**made, created_at=NOW - timedelta(days=age)))
    assert await holdings.first_start() == NOW - timedelta(days=30)
    await database.close()
