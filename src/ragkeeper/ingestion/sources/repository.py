"""Every query about sources and their items."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.documents.models import BROUGHT_BY, Problem
from ragkeeper.ingestion.sources.models import Item, ItemCounts, Run, Source, SourceKind
from ragkeeper.storage.sql.tables import collections, documents, source_items, sources

_ASKED_AT_ONCE = 500


def _sources() -> Select[Any]:
    return select(sources, collections.c.name.label("collection")).join(
        collections, collections.c.id == sources.c.collection_id
    )


async def list_sources(sql: AsyncConnection) -> list[Source]:
    """By name."""
    return [_source(row) for row in await sql.execute(_sources().order_by(sources.c.name))]


async def find_source(sql: AsyncConnection, name: str) -> Source | None:
    row = (await sql.execute(_sources().where(sources.c.name == name))).first()
    return _source(row) if row else None


async def find_by_id(sql: AsyncConnection, source_id: str) -> Source | None:
    row = (await sql.execute(_sources().where(sources.c.id == source_id))).first()
    return _source(row) if row else None


async def add_source(sql: AsyncConnection, source: Source) -> None:
    await sql.execute(
        insert(sources).values(
            id=source.id,
            name=source.name,
            kind=source.kind.value,
            location=source.location,
            options=dict(source.options),
            collection_id=source.collection_id,
            schedule=source.schedule,
            paused=source.paused,
            created_by=source.created_by,
            created_at=source.created_at,
        )
    )


async def change_source(sql: AsyncConnection, source: Source) -> None:
    """Write what a person may change."""
    values = {
        "location": source.location,
        "options": dict(source.options),
        "schedule": source.schedule,
        "paused": source.paused,
    }
    await sql.execute(update(sources).where(sources.c.id == source.id).values(values))


async def remove_source(sql: AsyncConnection, source_id: str) -> None:
    await sql.execute(delete(sources).where(sources.c.id == source_id))


async def save_run(sql: AsyncConnection, source_id: str, run: Run) -> None:
    values: dict[str, Any] = {"last_run": _run_json(run)}
    if run.ended_at is not None and run.problem is None:
        values["synced_at"] = run.ended_at
    await sql.execute(update(sources).where(sources.c.id == source_id).values(values))


# --- items ---------------------------------------------------------------------------------------------------------


async def known_items(sql: AsyncConnection, source_id: str) -> dict[str, Item]:
    rows = await sql.execute(select(source_items).where(source_items.c.source_id == source_id))
    return {row.key: _item(row) for row in rows}


async def failed_items(sql: AsyncConnection, source_id: str, limit: int) -> list[Item]:
    query = select(source_items).where(source_items.c.source_id == source_id, source_items.c.error_code.is_not(None))
    return [_item(row) for row in await sql.execute(query.order_by(source_items.c.key).limit(limit))]


async def count_items(sql: AsyncConnection) -> dict[str, ItemCounts]:
    """By source id; a source without items is not among them."""
    query = select(source_items.c.source_id, func.count(), func.count(source_items.c.error_code))
    rows = await sql.execute(query.group_by(source_items.c.source_id))
    return {row[0]: ItemCounts(row[1], row[2]) for row in rows}


async def save_items(sql: AsyncConnection, source_id: str, items: Sequence[Item], now: datetime) -> None:
    if not items:
        return
    await forget_items(sql, source_id, [item.key for item in items])
    await sql.execute(
        insert(source_items),
        [
            {
                "source_id": source_id,
                "key": item.key,
                "fingerprint": item.fingerprint,
                "document_id": item.document_id,
                "seen_at": now,
                "error_code": item.error_code,
                "error_message": item.error_message,
            }
            for item in items
        ],
    )


async def mark_unchanged(sql: AsyncConnection, source_id: str, keys: Sequence[str], now: datetime) -> None:
    for some in _parts(keys):
        condition = (source_items.c.source_id == source_id) & source_items.c.key.in_(some)
        values = {"seen_at": now, "error_code": None, "error_message": None}
        await sql.execute(update(source_items).where(condition).values(values))


async def forget_items(sql: AsyncConnection, source_id: str, keys: Sequence[str]) -> None:
    for some in _parts(keys):
        await sql.execute(
            delete(source_items).where(source_items.c.source_id == source_id, source_items.c.key.in_(some))
        )


async def document_ids(sql: AsyncConnection, source_id: str, keys: Sequence[str] | None = None) -> list[str]:
    """Of the items with these keys, or of all; documents that are gone by now among them."""
    query = select(source_items.c.document_id).where(
        source_items.c.source_id == source_id, source_items.c.document_id.is_not(None)
    )
    if keys is None:
        return list((await sql.execute(query)).scalars())
    return [
        one for some in _parts(keys) for one in (await sql.execute(query.where(source_items.c.key.in_(some)))).scalars()
    ]


async def strays(sql: AsyncConnection, source: Source, since: datetime) -> list[str]:
    """Documents that this source has brought since then, and that are no item's."""
    prefix = f"{source.name}/"
    query = select(documents.c.id, documents.c.metadata.label("document_metadata")).where(
        documents.c.collection_id == source.collection_id,
        documents.c.user_id == source.created_by,
        documents.c.created_at >= since,
        # Not LIKE: SQLite's takes capitals and small letters for the same.
        func.substr(documents.c.name, 1, len(prefix)) == prefix,
        ~select(source_items.c.key).where(source_items.c.document_id == documents.c.id).exists(),
    )
    return [row.id for row in await sql.execute(query) if row.document_metadata.get(BROUGHT_BY) == source.name]


def _parts(keys: Sequence[str]) -> list[Sequence[str]]:
    return [keys[start : start + _ASKED_AT_ONCE] for start in range(0, len(keys), _ASKED_AT_ONCE)]


def _item(row: Row[Any]) -> Item:
    return Item(row.key, row.fingerprint, row.document_id, row.error_code, row.error_message)


def _source(row: Row[Any]) -> Source:
    return Source(
        id=row.id,
        name=row.name,
        kind=SourceKind(row.kind),
        location=row.location,
        options=row.options,
        collection_id=row.collection_id,
        collection=row.collection,
        schedule=row.schedule,
        paused=row.paused,
        created_by=row.created_by,
        created_at=row.created_at,
        synced_at=row.synced_at,
        last_run=_run(row.last_run) if row.last_run else None,
    )


def _run_json(run: Run) -> dict[str, Any]:
    problem = run.problem
    return {
        "job_id": run.job_id,
        "began_at": run.began_at.isoformat(),
        "allow_removals": run.allow_removals,
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "items": run.items,
        "added": run.added,
        "updated": run.updated,
        "failed": run.failed,
        "removed": run.removed,
        "attempts": run.attempts,
        "expected": run.expected,
        "problem": {"code": problem.code, "message": problem.message, "fix": problem.fix} if problem else None,
    }


def _run(kept: dict[str, Any]) -> Run:
    ended, problem = kept["ended_at"], kept["problem"]
    return Run(
        **{
            **kept,
            "began_at": datetime.fromisoformat(kept["began_at"]),
            "ended_at": datetime.fromisoformat(ended) if ended else None,
            "problem": Problem(**problem) if problem else None,
        }
    )
