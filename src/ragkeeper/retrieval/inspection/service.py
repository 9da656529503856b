"""Compare the index with the truth, chunk by chunk, and mend what can be mended."""

import asyncio
import hashlib
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from ragkeeper.core.clock import Clock
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.providers.embedding.rules import steady
from ragkeeper.retrieval import repository as truth
from ragkeeper.retrieval.inspection import repository, rules
from ragkeeper.retrieval.inspection.models import FindingKind, Inspection
from ragkeeper.retrieval.outbox import OutboxDrain, OutboxWriter
from ragkeeper.retrieval.reconcile import Reconciler
from ragkeeper.retrieval.rules import aligned
from ragkeeper.retrieval.switching import Generation, SwitchableIndex
from ragkeeper.storage.files.store import FileStore
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.errors import NotWritten
from ragkeeper.storage.vectors.port import IndexFilter, IndexQuery, VectorEntry, WordsEntry

_log = structlog.get_logger()

_PAGE = 5000
_HASHED = 200  # originals between two looks at whether somebody waits
_SAMPLE, _DEEP_SAMPLE = 200, 5000
_NEAREST = 10
_BATCH = 500  # ids in one statement
_SQL_KINDS = (FindingKind.WRONG_DIMENSION, FindingKind.UNUSABLE_VECTORS)

Found = dict[FindingKind, list[Any]]


@dataclass(frozen=True, slots=True)
class _Checked:
    """What one inspection has gathered. ids by kind of finding; counts by what was counted."""

    found: Found
    counts: dict[str, int]
    reasons: dict[FindingKind, str]


class IndexInspector:
    def __init__(
        self,
        database: Database,
        index: SwitchableIndex,
        embedder: Embedder,
        files: FileStore,
        drain: OutboxDrain,
        writer: OutboxWriter,
        reconciler: Reconciler,
        clock: Clock,
    ) -> None:
        self._database = database
        self._index = index
        self._embedder = embedder
        self._files = files
        self._drain = drain
        self._writer = writer
        self._reconciler = reconciler
        self._clock = clock

    async def inspect(self, *, deep: bool = False, examples: int = 10) -> Inspection:
        """Read-only. deep: also read every original, and ask the index for many more of its chunks."""
        began, checked_at = time.monotonic(), self._clock()
        checked = await self._check(deep=deep)
        async with self._database.read() as sql:
            waiting, since = await truth.outbox_backlog(sql)
        lag = (self._clock() - since).total_seconds() if since else 0.0
        findings = [
            rules.finding(kind, ids, examples, checked.reasons.get(kind, ""))
            for kind, ids in checked.found.items()
            if ids or kind in checked.reasons
        ]
        seconds = round(time.monotonic() - began, 3)
        return Inspection(checked_at, seconds, deep, dict(checked.counts), waiting, round(lag, 3), tuple(findings))

    async def inspect_and_keep(self, *, deep: bool = False, examples: int = 10) -> Inspection:
        """The result is what `/status` shows until the next one; where nothing can be kept it is given all the same."""
        inspection = await self.inspect(deep=deep, examples=examples)
        result = {**asdict(inspection), "checked_at": inspection.checked_at.isoformat()}
        numbers = {"orphans": inspection.orphans, "missing": inspection.missing}
        try:
            async with self._database.write() as sql:
                await repository.keep_result(sql, {**result, **numbers})
        except NotWritten as error:
            _log.warning("inspection_not_kept", code=error.code, reason=error.message)
        return inspection

    async def last(self) -> tuple[datetime, int, int] | None:
        """When the newest kept inspection was, how many chunks were too many and how many lacked."""
        async with self._database.read() as sql:
            kept = await repository.last_result(sql)
        return (datetime.fromisoformat(kept["checked_at"]), kept["orphans"], kept["missing"]) if kept else None

    async def repair(self) -> Inspection:
        """Mend what can be mended, and inspect again. What has to be embedded anew follows in the background."""
        checked = await self._check(deep=False)
        if FindingKind.UNUSABLE_INDEX not in checked.reasons:
            for generation in self._index.targets:
                await self._reconciler.reconcile(generation)
        model = self._index.serving.model
        async with self._database.write() as sql:
            bad = [chunk for kind in _SQL_KINDS for chunk in checked.found[kind]]
            for start in range(0, len(bad), _BATCH):
                await repository.forget_vectors(sql, model, bad[start : start + _BATCH])
            await repository.embed_again(sql, model)
            await self._put_again(sql, checked.found[FindingKind.DIFFERENT])
        self._writer.wake()
        if FindingKind.UNUSABLE_INDEX not in checked.reasons:
            await self._drain.drain_all()
        return await self.inspect_and_keep()

    async def _put_again(self, sql: Any, chunk_ids: Sequence[int]) -> None:
        for start in range(0, len(chunk_ids), _BATCH):
            ranges = await repository.versions_of(sql, chunk_ids[start : start + _BATCH])
            await self._writer.words_added(sql, [(document, version) for document, version, _, _ in ranges])
            await self._writer.vectors_added(sql, ranges)

    async def _check(self, *, deep: bool) -> _Checked:
        checked = _Checked(defaultdict(list), defaultdict(int), {})
        serving, embedder = self._index.serving, steady(self._embedder)
        if serving.model != embedder.name:
            checked.reasons[FindingKind.WRONG_MODEL] = f"{serving.model}, and questions are embedded by {embedder.name}"
            checked.found[FindingKind.WRONG_MODEL] = []
        try:
            await self._drain.drain_all()
            await self._compare_words(serving, checked)
            await self._compare_vectors(serving, checked)
            await self._compare_content(serving, checked, _DEEP_SAMPLE if deep else _SAMPLE)
        except RagkeeperError as error:
            if self._index.serving is not serving:
                return await self._check(deep=deep)  # another took its place meanwhile, and it was closed
            checked.reasons[FindingKind.UNUSABLE_INDEX] = error.message
            checked.found[FindingKind.UNUSABLE_INDEX] = []
        await self._check_stored_vectors(serving.model, embedder.dimension, checked)
        await self._check_originals(checked, deep=deep)
        return checked

    async def _compare_words(self, generation: Generation, checked: _Checked) -> None:
        after = 0
        while True:
            # Nothing is drained between the three looks: they differ by rows that wait and by findings alone.
            async with self._drain.held():
                held_page = await generation.index.chunk_ids(after, _PAGE)
                async with self._database.read() as sql:
                    expected_page = await truth.current_chunk_versions(sql, after, _PAGE)
                    waiting = await repository.waiting(sql)
                    held, expected, after = aligned(held_page, expected_page, after, _PAGE)
                    strangers = {version for chunk, version in held.items() if chunk not in expected}
                    known = await repository.known_versions(sql, strangers) if strangers else frozenset()
            if not held and not expected:
                return
            checked.counts["chunks"] += len(expected)
            checked.counts["words"] += len(held)
            for kind, ids in rules.differing(held, expected, known, waiting).items():
                checked.found[kind] += ids

    async def _compare_vectors(self, generation: Generation, checked: _Checked) -> None:
        """Chunks that the index does not have at all are found by their words, not here."""
        absent = set(checked.found[FindingKind.MISSING_WORDS])
        after = 0
        while True:
            async with self._drain.held():
                async with self._database.read() as sql:
                    expected = await truth.current_vector_versions(sql, generation.model, after, _PAGE)
                    waiting = await repository.waiting(sql)
                if not expected:
                    return
                last = expected[-1][0]
                held = await self._reconciler.vectors_up_to(generation, after, last)
            after = last
            checked.counts["vectors"] += len([chunk for chunk, _ in expected if chunk in held])
            checked.found[FindingKind.MISSING_VECTORS] += [
                chunk
                for chunk, version in expected
                if chunk not in held and version not in waiting.versions and chunk not in absent
            ]

    async def _compare_content(self, generation: Generation, checked: _Checked, sample: int) -> None:
        """Ask for chunks by their own words and vector, evenly spread over all of them."""
        chosen = await self._spread(max(checked.counts["chunks"] // sample, 1))
        suspects = [pair for pair in chosen if not await self._gives_itself(generation, *pair)]
        if suspects:  # what changed under our eyes is not different, only newer
            await self._drain.drain_all()
            async with self._database.read() as sql:
                waiting = await repository.waiting(sql)
            known = {chunk for ids in list(checked.found.values()) for chunk in ids}
            suspects = [pair for pair in suspects if pair[0] not in waiting.versions and pair[1] not in known]
        different = [chunk for version, chunk in suspects if not await self._gives_itself(generation, version, chunk)]
        checked.found[FindingKind.DIFFERENT] += different
        checked.counts["compared"] = len(chosen)

    async def _spread(self, every: int) -> list[tuple[str, int]]:
        """(version, chunk) of every so many chunks."""
        chosen: list[tuple[str, int]] = []
        after, number = 0, 0
        while True:
            async with self._database.read() as sql:
                page = await truth.current_chunk_versions(sql, after, _PAGE)
            if not page:
                return chosen
            chosen += [(version, chunk) for at, (chunk, version) in enumerate(page, number) if at % every == 0]
            after, number = page[-1][0], number + len(page)

    async def _gives_itself(self, generation: Generation, version: str, chunk: int) -> bool:
        async with self._database.read() as sql:
            words = [entry for entry in await truth.words_of(sql, [version], chunk - 1, 1) if entry.chunk_id == chunk]
            vectors = await truth.vectors_of(sql, [version], chunk, chunk, generation.model)
        if not words:
            return True  # gone meanwhile
        found = await generation.index.search(_own_question(words[0], vectors, generation.model))
        return rules.same_content(words[0], has_vector=bool(vectors), found=found, limit=_NEAREST)

    async def _check_stored_vectors(self, model: str, dimension: int, checked: _Checked) -> None:
        after = 0
        while True:
            async with self._database.read() as sql:
                page = await repository.stored_vectors(sql, model, after, _PAGE)
            if not page:
                break
            after = page[-1][0]
            checked.counts["stored_vectors"] += len(page)
            for kind, ids in (await asyncio.to_thread(_unusable, page, dimension)).items():
                checked.found[kind] += ids
        async with self._database.read() as sql:
            checked.found[FindingKind.NOT_EMBEDDED] += await repository.not_embedded(sql, model)

    async def _check_originals(self, checked: _Checked, *, deep: bool) -> None:
        after = ""
        while True:
            async with self._database.read() as sql:
                page = await repository.originals(sql, after, _HASHED if deep else _PAGE)
            if not page:
                return
            after = page[-1][0]
            checked.counts["originals"] += len(page)
            paths = [(sha256, document, self._files.path(sha256)) for sha256, document in page]
            suspects = await asyncio.to_thread(_bad_originals, paths, deep)
            async with self._database.read() as sql:
                used = await repository.still_used(sql, [pair for _, pair in suspects]) if suspects else set()
            for kind, pair in suspects:
                if pair in used:  # not deleted meanwhile
                    checked.found[kind].append(pair[1])


def _own_question(entry: WordsEntry, vectors: Sequence[VectorEntry], model: str) -> IndexQuery:
    where = IndexFilter(frozenset({entry.collection_id}), frozenset({entry.document_id}))
    return IndexQuery(entry.text, vectors[0].vector if vectors else None, where, _NEAREST, model)


def _unusable(page: Sequence[tuple[int, bytes]], dimension: int) -> Found:
    found: Found = defaultdict(list)
    for chunk, stored in page:
        if kind := rules.unusable(stored, dimension):
            found[kind].append(chunk)
    return found


def _bad_originals(originals: Sequence[tuple[str, str, Path]], deep: bool) -> list[tuple[FindingKind, tuple[str, str]]]:
    found = []
    for sha256, document, path in originals:
        if not path.is_file():
            found.append((FindingKind.MISSING_ORIGINALS, (sha256, document)))
        elif deep and _digest(path) != sha256:
            found.append((FindingKind.CHANGED_ORIGINALS, (sha256, document)))
    return found


def _digest(path: Path) -> str:
    """Empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
