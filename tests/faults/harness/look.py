"""A look at everything that a settled server shows and holds: over HTTP, in its database, on its disk."""

import asyncio
import hashlib
import shutil
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.harness.client import Client
from tests.faults.harness.model import Model

_PROBED = 12
_DOCUMENTS = """
SELECT d.id, d.name, d.collection_id, n.id, n.sha256, n.status, n.error_code, c.id, c.sha256
FROM documents d LEFT JOIN versions n ON n.id = d.newest_version_id LEFT JOIN versions c ON c.id = d.current_version_id
"""
_CHUNKS = "SELECT id, document_id, version_id, ordinal, text FROM chunks ORDER BY version_id, ordinal"
_VECTORS = """
SELECT count(*) FROM chunk_vectors v JOIN chunks c ON c.id = v.chunk_id
JOIN documents d ON d.current_version_id = c.version_id
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as the database has it; newest, current: versions; the hashes are of their contents."""

    id: str
    name: str
    collection: str
    newest: str | None
    newest_hash: str | None
    status: str | None
    code: str | None
    current: str | None
    current_hash: str | None


@dataclass(frozen=True, slots=True)
class ChunkRow:
    id: int
    document: str
    version: str
    ordinal: int
    text: str


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment.

    used: contents that versions name; outbox: changes that wait for the index; listed: ids over HTTP and their status;
    texts: version id to its whole text; hits: by content number what a search for its word found, as (document id,
    chunk ids); readable: what deleted documents still answer with;
    originals: name of each file to the hash of its bytes; damage: what SQLite says of itself.
    """

    documents: Sequence[Stored]
    chunks: Sequence[ChunkRow]
    texts: Mapping[str, str]
    used: frozenset[str]
    outbox: int
    vectors: int
    damage: Sequence[str]
    listed: Sequence[tuple[str, str]]
    hits: Mapping[int, Sequence[tuple[str, tuple[int, ...]]]]
    readable: Sequence[str]
    status: Mapping[str, Any]
    originals: Mapping[str, str]
    left: Sequence[str]


async def look(client: Client, model: Model, data: Path) -> Look:
    """What is shown passes through the client, which holds every answer against the model."""
    wanted = {one.number: one.key for name in model.present for one in model.names[name].visible.values()}
    hits = await _search(client, wanted)
    await _search(client, {number: f"key{number}" for number in model.buried[:_PROBED]})
    await _conversations(client)
    readable = await _removed(client, model.removed[-_PROBED:])
    listed = [(one["id"], one["status"]) for one in await _pages(client, "/api/v1/documents")]
    status = (await client.http.get("/status")).json()
    return Look(
        **await asyncio.to_thread(_stored, data / "ragkeeper.db"),
        damage=await asyncio.to_thread(_damage, [data / "ragkeeper.db", data / "jobs.db"]),
        originals=await asyncio.to_thread(_originals, data / "files"),
        left=await asyncio.to_thread(_left, data),
        listed=listed,
        hits=hits,
        readable=readable,
        status=status,
    )


async def _search(client: Client, wanted: Mapping[int, str]) -> dict[int, list[tuple[str, tuple[int, ...]]]]:
    async def one(key: str) -> list[tuple[str, tuple[int, ...]]]:
        answer = await client.get("/api/v1/search", {"query": key, "mode": "lexical", "top_k": 20})
        return [
            (hit["document_id"], tuple(hit["chunk_ids"])) for hit in answer["results"] if key in hit["text"].split()
        ]

    found = await _few_at_once(one(key) for key in wanted.values())
    return dict(zip(wanted, found, strict=True))


async def _conversations(client: Client) -> None:
    for one in (await client.get("/api/v1/conversations", {"limit": _PROBED}))["items"]:
        await client.get(f"/api/v1/conversations/{one['id']}/messages", {"limit": 100})


async def _removed(client: Client, ids: Iterable[str]) -> list[str]:
    paths = [f"/api/v1/documents/{one}/{what}" for one in ids for what in ("chunks", "content")]
    return [path for path in paths if "items" in (answer := await client.get(path, {})) or "text" in answer]


async def _pages(client: Client, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = await client.get(path, {"limit": 500, **cursor})
        found += page["items"]
        if not page["next_cursor"]:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def _few_at_once(work: Iterable[Any], most: int = 3) -> list[Any]:
    slots = asyncio.Semaphore(most)

    async def one(job: Any) -> Any:
        async with slots:
            return await job

    return list(await asyncio.gather(*map(one, work)))


def _stored(path: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as sql:
        return {
            "documents": [Stored(*row) for row in sql.execute(_DOCUMENTS)],
            "chunks": [ChunkRow(*row) for row in sql.execute(_CHUNKS)],
            "texts": dict(sql.execute("SELECT version_id, text FROM version_texts")),
            "used": frozenset(row[0] for row in sql.execute("SELECT DISTINCT sha256 FROM versions")),
            "outbox": sql.execute("SELECT count(*) FROM index_outbox").fetchone()[0],
            "vectors": sql.execute(_VECTORS).fetchone()[0],
        }


def _damage(paths: Iterable[Path]) -> list[str]:
    found: list[str] = []
    for path in paths:
        if not path.exists():
            continue
        try:
            found += _wrong_in(path)
        except sqlite3.OperationalError:
            raise  # it cannot be looked at, which says nothing of what is in it
        except sqlite3.DatabaseError as error:
            found.append(f"{path.name}: {error}")
    return found


def _wrong_in(path: Path) -> list[str]:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as sql:
            return _wrong(sql, path.name)
    except sqlite3.OperationalError as error:
        if "readonly" not in str(error):
            raise
        # Nobody has it open: SQLite would have to make the memory that is shared beside it, and work off a log.
        return _wrong_in_copy(path)


def _wrong_in_copy(path: Path) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(path, folder)
        with suppress(FileNotFoundError):
            shutil.copy(path.with_name(f"{path.name}-wal"), folder)
        with closing(sqlite3.connect(Path(folder) / path.name)) as sql:
            return _wrong(sql, path.name)


def _wrong(sql: sqlite3.Connection, name: str) -> list[str]:
    found = [f"{name}: {row[0]}" for row in sql.execute("PRAGMA integrity_check") if row[0] != "ok"]
    return found + [f"{name}: foreign key of {row[0]}" for row in sql.execute("PRAGMA foreign_key_check")]


def _originals(folder: Path) -> dict[str, str]:
    """What is cleaned up while one looks is not there; if somebody still needs it, the next look misses it too."""
    found = {}
    for path in folder.glob("??/*"):
        with suppress(FileNotFoundError, IsADirectoryError):
            found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _left(data: Path) -> list[str]:
    """Files that belong to nothing any more."""
    incoming = [path for path in (data / "files/incoming").iterdir() if path.is_file()]
    aside = [*data.glob("index-aside-*"), *data.glob(".*.[0-9]*"), *data.glob("index/*.new")]
    return sorted(str(path.relative_to(data)) for path in (*incoming, *aside))


def by_version(rows: Iterable[ChunkRow]) -> dict[str, list[ChunkRow]]:
    found: dict[str, list[ChunkRow]] = defaultdict(list)
    for row in rows:
        found[row.version].append(row)
    return found
