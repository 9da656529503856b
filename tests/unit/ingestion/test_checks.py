from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from ragkeeper.ingestion.checks import QUEUE_STALLED, ingestion_checks
from ragkeeper.storage.sql.readonly import ReadOnly
from ragkeeper.storage.sql.tables import attempts, versions
from tests.wired import wired

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def stalled(folder: Path) -> list[object]:
    """For how many minutes, by the doctor."""
    checks = ingestion_checks(ReadOnly(folder / "ragkeeper.db"), "", lambda _: True, lambda: NOW)
    found = [finding for check in checks for finding in check.look()]
    return [one.evidence["minutes"] for one in found if one.code == QUEUE_STALLED.code]


@pytest.mark.parametrize(
    ("queued", "read", "minutes"),
    [
        (30, None, []),
        (90, None, [90]),
        (90, 2, []),  # a large import that is being read
        (90, 61, [61]),
        (90, 200, [90]),
        (2, 9000, []),  # nothing came for days, and now something does
    ],
)
async def test_a_queue_is_stalled_once_nothing_of_it_is_read(
    tmp_path: Path, queued: float, read: float | None, minutes: list[object]
) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("a.md", "Words.")
        async with product.database.write() as sql:
            await sql.execute(update(versions).values(created_at=ago(99_999), queued_at=ago(queued)))
            if read is not None:
                moment = {"version_id": added.version, "began_at": ago(read), "ended_at": ago(read)}
                await sql.execute(insert(attempts).values(**moment))
    assert stalled(tmp_path) == minutes
