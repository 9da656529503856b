"""Fill a generation of the index in a process of its own: `python -m ragkeeper.entrypoints.index_builder`.

The task comes on standard input as JSON, so that an address with a password shows in no list of processes; progress
and result go to standard output, one JSON object a line.
"""

import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.retrieval import repository
from ragkeeper.retrieval.reindex.errors import IndexBuildFailed
from ragkeeper.retrieval.reindex.folder import IndexFolder
from ragkeeper.retrieval.reindex.models import Filled, Portion
from ragkeeper.retrieval.reindex.ports import Told
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.vectors.bulk import BulkLoader
from ragkeeper.storage.vectors.optimizer import end_with_parent

_PAGE = 1000
_NICENESS = 5


@dataclass(frozen=True, slots=True)
class Task:
    database: str
    folder: str
    language: str
    portion: Portion


class ChildBuilder:
    """Implements `retrieval.reindex.ports.Builder`."""

    def __init__(self, database: Database, folder: IndexFolder, language: str) -> None:
        self._database = database.url.render_as_string(hide_password=False)
        self._folder = folder
        self._language = language

    async def fill(self, portion: Portion, told: Told) -> Filled:
        task = Task(self._database, str(self._folder.path(portion.generation).resolve()), self._language, portion)
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ragkeeper.entrypoints.index_builder", str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # a terminal's interrupt is for the server, which ends its children itself
        )
        errors = asyncio.create_task(_drained(child.stderr))
        try:
            return await _follow(child, task, told, errors)
        finally:
            if child.returncode is None:
                child.kill()
            await child.wait()
            errors.cancel()
            await asyncio.gather(errors, return_exceptions=True)


async def _follow(child: asyncio.subprocess.Process, task: Task, told: Told, errors: asyncio.Task[bytes]) -> Filled:
    if child.stdin is None or child.stdout is None:
        raise IndexBuildFailed(reason="its process has no pipes")
    child.stdin.write(json.dumps(asdict(task)).encode())
    child.stdin.close()
    last: dict[str, Any] = {}
    async for line in child.stdout:
        last = json.loads(line)
        if "done" in last:
            told(last["done"])
    if await child.wait() == 0 and "filled" in last:
        return Filled(**last["filled"])
    text = (await errors).decode(errors="replace").strip().rpartition("\n")[2]
    raise IndexBuildFailed(reason=last.get("error") or text or f"its process ended with {child.returncode}")


async def _drained(stream: asyncio.StreamReader | None) -> bytes:
    return await stream.read() if stream else b""


def main(parent: int) -> int:
    end_with_parent(parent)
    os.nice(_NICENESS)
    given = json.load(sys.stdin)
    task = Task(**{**given, "portion": Portion(**given["portion"])})
    try:
        filled = asyncio.run(fill(task))
    except RagkeeperError as error:
        _say(error=error.message)
        return 1
    _say(filled=asdict(filled))
    return 0


async def fill(task: Task) -> Filled:
    portion = task.portion
    loader = BulkLoader.open(Path(task.folder), portion.dimension, task.language, portion.model)
    database = Database(task.database, readers=1)
    try:
        await database.check()  # reading would make an empty one where it is gone
        filled = await _fill(database, loader, portion)
        if filled.complete:
            _say(optimizing=True)
            loader.optimize()
    finally:
        await database.close()
        loader.close()
    return filled


async def _fill(database: Database, loader: BulkLoader, portion: Portion) -> Filled:
    after, done = portion.after, 0
    while done < portion.limit:
        async with database.read() as sql:
            entries = await repository.entries_after(sql, portion.model, after, _PAGE)
        if not entries:
            return Filled(after, done, complete=True)
        loader.put(entries)
        after, done = entries[-1][0].chunk_id, done + len(entries)
        _say(done=done)
    return Filled(after, done, complete=False)


def _say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
