"""A writer that is killed, and a machine that loses power, cost the search index nothing that was flushed."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ragkeeper.storage.vectors.embedded import EmbeddedIndex
from ragkeeper.storage.vectors.port import IndexFilter, IndexQuery, VectorEntry, WordsEntry

DIMENSION = 16
BATCH = 20
ROUNDS = 5
SEED = 20261120
MEMORY = Path("/dev/shm")  # noqa: S108 - a test folder under a random name


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


def vector(chunk_id: int) -> np.ndarray:
    return np.random.default_rng(chunk_id).standard_normal(DIMENSION).astype(np.float32)


def batch(start: int) -> list[WordsEntry]:
    return [WordsEntry(n, f"v{n}", f"d{n}", "c", f"fox number{n}") for n in range(start, start + BATCH)]


async def write_for_ever(path: Path) -> None:
    """Write batches, saying after each flush up to which chunk everything is safe; optimize now and then."""
    index = await EmbeddedIndex.open(path, DIMENSION)
    known = await index.chunk_ids(0, 1_000_000)
    start = known[-1][0] - BATCH + 1 if known else 1  # the last batch may have been killed before its vectors
    background = set()
    while True:
        await index.put_words(batch(start))
        await index.put_vectors([VectorEntry(n, vector(n)) for n in range(start, start + BATCH)])
        await index.flush()
        sys.stdout.write(f"{start + BATCH - 1}\n")
        sys.stdout.flush()
        start += BATCH
        if start % (10 * BATCH) == 1 and not any(not one.done() for one in background):
            background = {asyncio.create_task(index.optimize(force=True))}


def kill_a_writer(path: Path, lines: int) -> int:
    """Start a writer, kill it after it said so many lines; the last chunk that it called safe."""
    writer = subprocess.Popen([sys.executable, __file__, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    with writer, writer.stdout as said:
        safe = [int(said.readline()) for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        safe += [int(line) for line in said]
    return safe[-1]


async def check(path: Path, safe: int) -> None:
    index = await EmbeddedIndex.open(path, DIMENSION)
    try:
        ids = [chunk_id for chunk_id, _ in await index.chunk_ids(0, 1_000_000)]
        assert ids[:safe] == list(range(1, safe + 1))
        assert (await index.count()).with_vectors >= safe
        assert sum(name.startswith("shard-") for name in os.listdir(path)) == 1  # noqa: PTH208 - one quick listing
        for chunk_id in (1, safe // 2, safe):
            query = IndexQuery(f"number{chunk_id}", vector(chunk_id), IndexFilter(frozenset("c")), 1)
            found = {one.chunk_id: one for one in await index.search(query)}
            assert found[chunk_id].dense == pytest.approx(1.0, abs=1e-3)
            assert found[chunk_id].lexical
    finally:
        await index.close()


async def test_a_killed_writer_loses_nothing_that_was_flushed(folder):
    dice = random.Random(SEED)  # noqa: S311 - where to kill is no secret
    for _ in range(ROUNDS):
        safe = kill_a_writer(folder / "index", dice.randrange(1, 40))
        await check(folder / "index", safe)


async def test_power_loss_after_a_flush_loses_nothing(folder):
    """Only the log is synced by a flush: the segments may be as old as the last time they were written out."""
    root = folder / "index"
    index = await EmbeddedIndex.open(root, DIMENSION)
    await index.put_words(batch(1))
    await index.snapshot(folder / "lost")
    await index.put_vectors([VectorEntry(n, vector(n)) for n in range(1, BATCH + 1)])
    await index.put_words(batch(BATCH + 1))
    await index.put_vectors([VectorEntry(n, vector(n)) for n in range(BATCH + 1, 2 * BATCH + 1)])
    await index.flush()
    for log in root.glob("shard-*/wal"):
        stale = folder / "lost" / log.relative_to(root)
        shutil.rmtree(stale)
        shutil.copytree(log, stale)
    await index.close()
    await check(folder / "lost", 2 * BATCH)


if __name__ == "__main__":
    asyncio.run(write_for_ever(Path(sys.argv[1])))
