"""Whether the search index is there, is the right one, and keeps up with the documents.

Read from the outside: an index that a server has open cannot be opened a second time. `ragkeeper doctor index` compares
chunk by chunk.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from ragkeeper.core.checks import Check, Finding, Kind, NotLooked, Severity
from ragkeeper.core.clock import Clock
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.retrieval.reindex.folder import IndexFolder
from ragkeeper.storage.sql.readonly import ReadOnly

_LATE = timedelta(minutes=10)
_OLD = timedelta(days=2)
_HALF = 2  # bytes of a stored number
_REBUILD = "ragkeeper reindex"
_REPAIR = "ragkeeper doctor index --fix"

INDEX_MISSING = Kind(
    "index_missing",
    Severity.FAILURE,
    "There is no search index in {path}, though {chunks} passages belong in one",
    "Searches go by words in the database: slower, and not by meaning. The next start builds it anew.",
    _REBUILD,
)
INDEX_DAMAGED = Kind(
    "index_damaged",
    Severity.FAILURE,
    "The search index in {path} cannot be used: {reason}",
    "Searches go by words in the database: slower, and not by meaning. The next start builds it anew.",
    _REBUILD,
)
INDEX_MISMATCH = Kind(
    "index_mismatch",
    Severity.FAILURE,
    "The search index in {path} was made with {setting} {stored}, and {wanted} is set",
    "It is not used: the next start builds another, which takes a while.",
    "Set it back, or: ragkeeper reindex",
)
INDEX_BEHIND = Kind(
    "index_behind",
    Severity.WARNING,
    "{count} changes have waited for the search index for up to {minutes} minutes",
    "New documents are not found yet, though deleted ones are not shown either.",
    "ragkeeper doctor index",
)
INDEX_OUT_OF_STEP = Kind(
    "index_out_of_step",
    Severity.WARNING,
    "The last comparison found {orphans} passages too many in the search index and {missing} missing ({checked})",
    "Some documents are not found, or not by meaning. What is too many is never shown.",
    _REPAIR,
)
INDEX_NOT_COMPARED = Kind(
    "index_not_compared",
    Severity.WARNING,
    "The search index was last compared with the documents: {when}",
    "A server compares them each day; whether passages were lost since then is not known.",
    "ragkeeper doctor index",
)
INDEX_COUNT = Kind(
    "index_count_differs",
    Severity.WARNING,
    "The search index of the running server holds {held} passages, and {expected} belong in one",
    "Some documents are not found, or not by meaning. What is too many is never shown.",
    _REPAIR,
)
VECTORS_WRONG = Kind(
    "vectors_wrong_length",
    Severity.FAILURE,
    "{count} stored vectors of {model} do not have its {dimension} numbers",
    "These passages are not found by meaning.",
    _REPAIR,
)
NOT_EMBEDDED = Kind(
    "chunks_not_embedded",
    Severity.WARNING,
    "{count} passages of finished documents have no vector of {model}",
    "They are found by their words only.",
    _REPAIR,
)


class Made(Protocol):
    """What an index was made for, and the folder of its files."""

    @property
    def dimension(self) -> int: ...

    @property
    def language(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def shard(self) -> str: ...


_BELONG = """
SELECT (SELECT count(*) FROM index_outbox), (SELECT count(*) FROM chunks c
JOIN documents d ON d.id = c.document_id AND d.current_version_id = c.version_id)
"""

Ask = Callable[[str], Any]
"""Gets a path from the running server as JSON, each time anew. Raises NotLooked where none answers."""

Read = Callable[[Path], Made | None]
"""What the index in this folder was made for; None where there is none. Raises IndexUnreadable, IndexMismatch."""


def index_checks(root: Path, truth: ReadOnly, read: Read, language: str, clock: Clock) -> list[Check]:
    """root: the folder of the index; language: of RAG_LEXICAL_LANGUAGE."""

    def files() -> Iterator[Finding]:
        chunks = truth.rows("SELECT count(*) FROM chunks")[0][0]
        pointer = IndexFolder(root).pointer()
        path = root / pointer.serving if pointer else root
        try:
            manifest = read(path) if pointer else None
        except RagkeeperError as error:
            yield INDEX_DAMAGED.found({"path": str(path), "reason": error.message})
            return
        if manifest is None:
            if chunks:
                yield INDEX_MISSING.found({"path": str(path), "chunks": chunks})
            return
        yield from _content(path, manifest, language)

    return [
        Check("index", "files", lambda: list(files()), quick=True),
        Check("index", "lag", lambda: list(_lag(truth, clock)), quick=True),
        Check("index", "last comparison", lambda: list(_compared(truth)), quick=True),
        Check("index", "age of comparison", lambda: list(_aged(truth, clock))),
        Check("index", "vectors", lambda: list(_vectors(root, read, truth))),
    ]


def _content(path: Path, manifest: Made, language: str) -> Iterator[Finding]:
    shard = path / manifest.shard
    if not shard.is_dir() or not any(shard.iterdir()):
        yield INDEX_DAMAGED.found({"path": str(path), "reason": f"{manifest.shard} is gone"})
    elif manifest.language != language:
        evidence = {"path": str(path), "setting": "language", "stored": manifest.language, "wanted": language}
        yield INDEX_MISMATCH.found(evidence)


def _lag(truth: ReadOnly, clock: Clock) -> Iterator[Finding]:
    count, oldest = truth.rows("SELECT count(*), min(created_at) FROM index_outbox")[0]
    if not oldest:
        return
    late = clock() - datetime.fromisoformat(oldest).replace(tzinfo=UTC)
    if late >= _LATE:
        yield INDEX_BEHIND.found({"count": count, "minutes": int(late.total_seconds() // 60)})


def live_index_checks(truth: ReadOnly, ask: Ask) -> list[Check]:
    """How many passages the index of the running server holds, which nobody else can open."""
    return [Check("server", "index", lambda: list(_counted(truth, ask)))]


def _counted(truth: ReadOnly, ask: Ask) -> Iterator[Finding]:
    before = truth.rows(_BELONG)[0]
    index = ask("/status")["index"]
    if not index or index["chunks"] is None or index["rebuilding"]:
        raise NotLooked(reason="the server has no index, or builds it")
    if index["chunks"] == before[1]:
        return
    # While documents come and go the two are never counted at one moment.
    if before[0] or truth.rows(_BELONG)[0] != before:
        raise NotLooked(reason="documents are changing")
    yield INDEX_COUNT.found({"held": index["chunks"], "expected": before[1]})


def _last(truth: ReadOnly) -> dict[str, Any] | None:
    found = truth.rows("SELECT value FROM settings WHERE name = 'index_check'")
    return dict(json.loads(found[0][0])) if found else None


def _aged(truth: ReadOnly, clock: Clock) -> Iterator[Finding]:
    """What was found is told elsewhere. Documents younger than a comparison may be need none yet."""
    last = _last(truth)
    if last is None:
        first = truth.rows("SELECT min(created_at) FROM versions WHERE status = 'ready'")[0][0]
        if first and clock() - datetime.fromisoformat(first).replace(tzinfo=UTC) > _OLD:
            yield INDEX_NOT_COMPARED.found({"when": "never"})
    elif clock() - datetime.fromisoformat(last["checked_at"]) > _OLD:
        yield INDEX_NOT_COMPARED.found({"when": last["checked_at"]})


def _compared(truth: ReadOnly) -> Iterator[Finding]:
    last = _last(truth)
    if last and (last["orphans"] or last["missing"]):
        evidence = {"orphans": last["orphans"], "missing": last["missing"], "checked": last["checked_at"]}
        yield INDEX_OUT_OF_STEP.found(evidence)


def _vectors(root: Path, read: Read, truth: ReadOnly) -> Iterator[Finding]:
    manifest = _made(root, read)
    wrong = truth.rows(
        "SELECT count(*) FROM chunk_vectors WHERE model = ? AND length(vector) NOT IN (0, ?)",
        manifest.model,
        manifest.dimension * _HALF,
    )[0][0]
    if wrong:
        yield VECTORS_WRONG.found({"count": wrong, "model": manifest.model, "dimension": manifest.dimension})
    lacking = truth.rows(
        "SELECT count(*) FROM chunks c JOIN versions v ON v.id = c.version_id AND v.status = 'ready' "
        "JOIN documents d ON d.id = c.document_id AND d.current_version_id = v.id "
        "WHERE NOT EXISTS (SELECT 1 FROM chunk_vectors x WHERE x.chunk_id = c.id AND x.model = ?)",
        manifest.model,
    )[0][0]
    if lacking:
        yield NOT_EMBEDDED.found({"count": lacking, "model": manifest.model})


def _made(root: Path, read: Read) -> Made:
    pointer = IndexFolder(root).pointer()
    try:
        manifest = read(root / pointer.serving) if pointer else None
    except RagkeeperError as error:
        raise NotLooked(reason=error.message) from error
    if manifest is None or not manifest.model:
        raise NotLooked(reason="there is no search index that says which model made it")
    return manifest
