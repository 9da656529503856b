"""Ingestion in the background: parse what was accepted, embed what was parsed, drain what the index waits for."""

import asyncio
import random
import time
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from ragkeeper.core.clock import utc_now
from ragkeeper.core.foreground import Foreground
from ragkeeper.documents.models import Priority, Problem
from ragkeeper.ingestion import rules
from ragkeeper.ingestion.brake import DiskBrake
from ragkeeper.ingestion.models import Attempt, ParsedVersion, PendingVersion
from ragkeeper.ingestion.pipeline import Pipeline
from ragkeeper.ingestion.progress.models import Activity, Held
from ragkeeper.ingestion.worker import BEAT_SECONDS, Worker
from ragkeeper.jobs.loop import Loop
from ragkeeper.retrieval.outbox import OutboxDrain, OutboxWriter

_log = structlog.get_logger()

_EMBED_BATCH = 256
# Versions taken at once: one transaction notes the attempt for all of them.
_CLAIMED = 32
# What was taken longer ago than this, in seconds, may be cancelled or deleted by now: one looks before it is read.
_FRESH = 1.0
# A file whose reading failed for a reason that may pass is read again so often, after a wait that doubles each time.
_RETRIES = 3
# Waits differ by this share, so that files which failed together are not read again together.
_JITTER = 0.2
# While everything is held, by a full disk say, one looks this often whether it still is, in seconds.
_LOOK_AGAIN = 5.0
# While all parsers are at work, embedding takes small batches and rests so many times as long as they took: found by
# words first.
_GIVING_WAY_BATCH = 32
_GIVING_WAY = 15
# Seconds after which a reading counts as long, and for which the next ones are then taken to be long too.
_LONG_READING = 0.25
_LONG_READINGS_LAST = 5.0
# A document takes up to three of these until its words are found, and many share one transaction and one fsync.
_GATHER = 0.15
# Parsed results held in memory before the parsers pause, by number and by size.
_UNSAVED = 64
# Of them so many are saved at once while somebody searches.
_SAVED_BESIDE = 8
_UNSAVED_CHARACTERS = 50_000_000

Result = tuple[PendingVersion, ParsedVersion | Problem]


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """parsers: files parsed at the same time; retry_seconds: the wait before a file is read a second time.

    embedded: texts that the embedder takes at once; so many are handed to it together, and never very few.
    """

    parsers: int
    retry_seconds: float
    embedded: int = 0


def _size(result: ParsedVersion | Problem) -> int:
    return len(result.text) if isinstance(result, ParsedVersion) else 0


class IngestionJobs:
    """Loops over SQL's own record of what is left."""

    def __init__(
        self,
        pipeline: Pipeline,
        drain: OutboxDrain,
        outbox: OutboxWriter,
        worker: Worker,
        brake: DiskBrake,
        limits: ReadingLimits,
        foreground: Foreground | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._drain = drain
        self._worker = worker
        self._brake = brake
        self._foreground = foreground or Foreground()
        self._workers = limits.parsers
        self._retry_seconds = limits.retry_seconds
        self._embedded = max(limits.embedded, _EMBED_BATCH)
        self._results: asyncio.Queue[Result] = asyncio.Queue(_UNSAVED)
        self._unsaved: list[Result] = []
        self._claimed: deque[PendingVersion] = deque()
        self._reading: dict[str, PendingVersion] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._begun: dict[str, float] = {}
        self._long_until = 0.0
        self._attempts: dict[str, list[Attempt]] = {}
        self._postponed: dict[str, tuple[datetime, Problem]] = {}
        self._paused = False
        self._retried: Counter[str] = Counter()
        self._unsaved_characters = 0
        self._somebody_waits = False
        self._claimed_at = 0.0
        self._cursor = 0
        self._parse = Loop("parse", self._parse_some, idle_seconds=_LOOK_AGAIN)
        self._save = Loop("save", self._save_parsed, gather_seconds=_GATHER)
        self._embed = Loop("embed", self._embed_some, idle_seconds=_LOOK_AGAIN, gather_seconds=_GATHER)
        self._index_loop = Loop("index", self._drain_some, gather_seconds=_GATHER)
        self._optimize = Loop("optimize", self._optimize_index, idle_seconds=60.0)
        self._live = Loop("live", self._beat, idle_seconds=BEAT_SECONDS)
        outbox.notify(self._on_change)

    async def start(self) -> None:
        if taken := await self._worker.start():
            _log.warning("parsing_resumed", versions=taken)
        await self._pipeline.recover()
        self._paused = await self._pipeline.is_paused()
        for loop in self._loops:
            loop.start()

    async def stop(self) -> None:
        for loop in self._loops:
            await loop.stop()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._pipeline.release([*self._claimed, *self._reading.values()])
        await self._worker.stop()

    def wake(self, priority: Priority = Priority.BULK) -> None:
        """There are versions to be read, or to be taken further."""
        self._somebody_waits |= priority is Priority.PERSON
        self._parse.wake()
        self._on_change()

    async def settled(self) -> None:
        """Return when nothing is left to do (used by programs that ingest and end)."""
        while any((await self._pipeline.backlog()).values()) or self._index_loop.busy:  # noqa: ASYNC110 - SQL has no events
            await asyncio.sleep(0.05)

    def activity(self) -> Activity:
        waiting = {version.id for version in self._claimed}
        reading = self._reading.keys() - waiting - self._postponed.keys()
        return Activity(
            worker=self._worker.id,
            reading=frozenset(reading),
            busy=len(self._tasks),
            workers=self._workers,
            postponed=dict(self._postponed),
            paused=self._paused,
            full=self._brake.on_reading(),
            silent=self._worker.silent(),
            saving=_held(self._save),
            indexing=_held(self._index_loop),
            embedding=Held(low) if (low := self._brake.on_embedding()) else _held(self._embed),
        )

    async def abandon(self, version_id: str) -> None:
        """Stop reading this version, if it is being read or waits to be; its parser process is gone on return.

        SQL must say already that it is not to be read: a result that is on its way is dropped then.
        """
        kept = [version for version in self._claimed if version.id != version_id]
        self._claimed.clear()
        self._claimed.extend(kept)
        if task := self._tasks.get(version_id):
            task.cancel()
            await asyncio.wait([task])
        self._forget(version_id)

    async def set_paused(self, *, paused: bool) -> None:
        """Begin no more files, or go on; survives a restart. What is being read is finished."""
        await self._pipeline.set_paused(paused=paused)
        self._paused = paused
        self._parse.wake()

    def _forget(self, version_id: str) -> None:
        for known in (self._reading, self._retried, self._attempts, self._postponed):
            known.pop(version_id, None)

    def state(self) -> dict[str, str | None]:
        """The last error of each loop, None when its last run went well."""
        return {loop.name: loop.last_error for loop in self._loops}

    @property
    def _loops(self) -> tuple[Loop, ...]:
        loops = (self._parse, self._save, self._embed, self._index_loop, self._optimize)
        # Alone, nobody looks for the beat: a write and its fsync every few seconds for nothing.
        return loops if self._worker.alone else (*loops, self._live)

    def _on_change(self) -> None:
        self._index_loop.wake()
        self._embed.wake()

    async def _parse_some(self) -> bool:
        if self._must_rest():
            return False
        if len(self._tasks) >= self._workers:
            await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        if self._claims_more and not await self._claim():
            return False
        if self._must_rest() or not self._claimed:
            return False
        async with self._foreground.turn():
            pass  # only not while somebody's question is under way: the reading itself is in another process
        if version := await self._next():
            self._begin(version)
        return True

    async def _next(self) -> PendingVersion | None:
        """The one to be read now. None where it is not wanted any more, or others came before it while one looked."""
        version = self._claimed[0] if self._claimed else None
        old = time.monotonic() - self._claimed_at > _FRESH
        wanted = version is not None and (not old or await self._pipeline.is_being_read(version))
        if version is None or not self._claimed or self._claimed[0] is not version:
            return None
        self._claimed.popleft()
        if wanted:
            return version
        self._forget(version.id)
        return None

    def _begin(self, version: PendingVersion) -> None:
        self._reading[version.id] = version
        task = asyncio.create_task(self._parse_one(version))
        self._tasks[version.id] = task
        self._begun[version.id] = time.monotonic()
        task.add_done_callback(partial(self._parsed, version.id))

    @property
    def _claims_more(self) -> bool:
        """With none left, or for what somebody waits for: not behind other such files, where it would only grow old."""
        return not self._claimed or (self._somebody_waits and self._claimed[0].priority is not Priority.PERSON)

    def _parsed(self, version_id: str, _task: asyncio.Task[None]) -> None:
        self._tasks.pop(version_id, None)
        self._begun.pop(version_id, None)

    async def _claim(self) -> bool:
        rest = self._claimed_at + _GATHER - time.monotonic()
        if rest > 0:
            await asyncio.sleep(rest)
        self._claimed_at = time.monotonic()
        # Not in one statement: what is extended must be looked up after the wait, not before.
        lowest = Priority.PERSON if self._somebody_waits and self._claimed else Priority.BULK
        self._somebody_waits = False
        claimed = await self._pipeline.claim(self._worker.id, lowest, _CLAIMED)
        # Those claimed before are older than all others of their priority.
        ordered = sorted([*self._claimed, *claimed], key=lambda version: version.priority)
        self._claimed = deque(ordered)
        return bool(self._claimed)

    def _must_rest(self) -> bool:
        """Going on, or saving, wakes the loop again; a disk with room is found by looking."""
        return self._paused or self._unsaved_characters > _UNSAVED_CHARACTERS or bool(self._brake.on_reading())

    async def _parse_one(self, version: PendingVersion) -> None:
        began = utc_now()
        result = await self._pipeline.parse(version)
        failure = (result.code, result.message) if isinstance(result, Problem) else (None, None)
        self._attempts.setdefault(version.id, []).append(Attempt(began, utc_now(), *failure))
        if isinstance(result, Problem) and self._will_retry(version, result):
            return
        self._retried.pop(version.id, None)
        await self._results.put((version, result))
        self._unsaved_characters += _size(result)
        self._save.wake()

    def _will_retry(self, version: PendingVersion, problem: Problem) -> bool:
        tried = self._retried[version.id]
        if not rules.may_pass(problem) or tried >= _RETRIES:
            return False
        self._retried[version.id] += 1
        seconds = self._retry_seconds * 2**tried * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
        self._postponed[version.id] = (utc_now() + timedelta(seconds=seconds), problem)
        _log.warning("parsing_postponed", version=version.id, code=problem.code, seconds=round(seconds, 1))
        asyncio.get_running_loop().call_later(seconds, self._parse_again, version)
        return True

    def _parse_again(self, version: PendingVersion) -> None:
        if self._postponed.pop(version.id, None) is None:
            return  # cancelled meanwhile
        self._claimed.append(version)
        self._parse.wake()

    async def _save_parsed(self) -> bool:
        """Everything that is parsed by now goes into one transaction: one fsync for many small files."""
        async with self._foreground.turn():
            return await self._save_some(_SAVED_BESIDE if self._foreground.busy else _UNSAVED)

    async def _save_some(self, most: int) -> bool:
        while not self._results.empty() and len(self._unsaved) < most:
            self._unsaved.append(self._results.get_nowait())
        if not self._unsaved:
            return False
        # They stay here when saving fails (a full disk, say), and are saved with the next try.
        attempts = {version.id: self._attempts.get(version.id, []) for version, _ in self._unsaved}
        await self._pipeline.save(self._unsaved, attempts)
        for version, result in self._unsaved:
            self._forget(version.id)
            self._unsaved_characters -= _size(result)
        self._unsaved.clear()
        self._parse.wake()
        return True

    async def _embed_some(self) -> bool:
        if self._brake.on_embedding():
            return False
        batch = _GIVING_WAY_BATCH if self._parsers_are_busy or self._foreground.busy else self._embedded
        urgent = await self._pipeline.unembedded(0, batch, Priority.PERSON)
        pending = urgent or await self._pipeline.unembedded(self._cursor, batch)
        if not pending and self._cursor:
            self._cursor = 0
            return True
        if pending:
            began = time.monotonic()
            await self._pipeline.embed(pending)
            self._cursor = self._cursor if urgent else pending[-1].id
            await self._give_way(_GIVING_WAY * (time.monotonic() - began))
        return bool(pending)

    @property
    def _parsers_are_busy(self) -> bool:
        """All at work, with files that take their time: small ones leave the processor idle."""
        now = time.monotonic()
        if self._begun and min(self._begun.values()) < now - _LONG_READING:
            self._long_until = now + _LONG_READINGS_LAST
        return len(self._tasks) >= self._workers and now < self._long_until

    async def _give_way(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while self._parsers_are_busy and time.monotonic() < until:  # noqa: ASYNC110 - the parsers have no event
            await asyncio.sleep(0.05)

    async def _drain_some(self) -> bool:
        return await self._drain.drain()

    async def _optimize_index(self) -> bool:
        # It needs room for a second index while it runs.
        return not self._brake.on_reading() and await self._drain.optimize()

    async def _beat(self) -> bool:
        if await self._worker.beat():
            self._parse.wake()
        return False


def _held(loop: Loop) -> Held | None:
    return Held(loop.failing.reason, loop.failing.until) if loop.failing else None
