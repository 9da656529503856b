"""What a search costs while the index is away: words looked for in SQL, on 100,000 chunks of invented words.

python -m bench.words_in_sql [--chunks 100000] [--searches 20]
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import insert

from bench.conditions import print_conditions
from ragkeeper.core.clock import utc_now
from ragkeeper.retrieval.fallback import repository, rules
from ragkeeper.storage.sql import tables
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.migrate import upgrade_schema
from ragkeeper.storage.vectors.port import IndexFilter

_PER_DOCUMENT = 10
_WORDS = 70
_LETTERS = "abcdefghijklmnoprstuvw"


def vocabulary(chance: random.Random) -> list[str]:
    return ["".join(chance.choices(_LETTERS, k=chance.randint(3, 11))) for _ in range(30_000)]


async def fill(database: Database, chunks: int, words: list[str], chance: random.Random) -> None:
    """Words are as frequent as one divided by their rank (Zipf)."""
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    now = utc_now()
    async with database.write() as sql:
        await sql.execute(insert(tables.collections).values(id="c", name="c", description="", created_at=now))
        for number in range(chunks // _PER_DOCUMENT):
            key = f"{number:032d}"
            document = {"id": key, "collection_id": "c", "user_id": "u", "name": key, "title": key, "metadata": {}}
            used = {"current_version_id": key, "newest_version_id": key, "created_at": now, "updated_at": now}
            await sql.execute(insert(tables.documents).values(**document, **used))
            version = {"id": key, "document_id": key, "number": 1, "sha256": key, "size": 1, "filename": key}
            state = {"status": "ready", "warnings": [], "properties": {}, "created_at": now, "queued_at": now}
            await sql.execute(insert(tables.versions).values(**version, **state))
            texts = [" ".join(chance.choices(words, weights, k=_WORDS)) for _ in range(_PER_DOCUMENT)]
            rows = [
                {"version_id": key, "document_id": key, "ordinal": place, "start": 0, "end": 1, "tokens": 1}
                | {"headings": [], "text": text, "gap": ""}
                for place, text in enumerate(texts)
            ]
            await sql.execute(insert(tables.chunks), rows)


async def measure(database: Database, question: str, limit: int) -> float:
    wanted = rules.terms(question)
    began = time.perf_counter()
    async with database.read() as sql:
        found = await repository.chunks_with(sql, wanted, IndexFilter(frozenset({"c"})), limit)
    [rules.fit(text, wanted) for _, text in found]
    return time.perf_counter() - began


async def run(chunks: int, searches: int) -> list[float]:
    """Seconds of every search."""
    every: list[float] = []
    chance = random.Random(1)  # noqa: S311 - the same words every time
    words = vocabulary(chance)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'x.db'}")
        await upgrade_schema(database)
        await fill(database, chunks, words, chance)
        for count in (2, 4, 8):
            spent = [
                await measure(database, " ".join(chance.sample(words[:5000], count)), 100) for _ in range(searches)
            ]
            every += spent
            print(
                f"{chunks} chunks, {count} words: p50 {statistics.median(spent) * 1000:.0f} ms, "
                f"max {max(spent) * 1000:.0f} ms"
            )
        await database.close()
    return every


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=20)
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    given = parser.parse_args()
    print_conditions("sqlalchemy", "aiosqlite")
    chunks, searches = (500, 3) if given.self_check else (given.chunks, given.searches)
    found = asyncio.run(run(chunks, searches))
    return int(len(found) != 3 * searches or min(found) <= 0)


if __name__ == "__main__":
    sys.exit(main())
