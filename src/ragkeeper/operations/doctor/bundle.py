"""Everything that somebody who helps from afar asks for, in one archive, without secrets and without content.

Each part stands alone: one that cannot be had says so in its place, and the manifest names those that time was up for.
"""

import gzip
import hashlib
import io
import json
import os
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from ragkeeper.core.clock import Clock
from ragkeeper.core.threads import in_thread
from ragkeeper.operations.doctor.errors import BundleNotWritten
from ragkeeper.operations.doctor.ports import Facts, Surgery
from ragkeeper.operations.doctor.redaction import Scrubber
from ragkeeper.operations.doctor.schemas import examination_view
from ragkeeper.operations.doctor.service import examine

_LOG_BYTES = 4_000_000
_AT_ONCE = 65_536
# A minute for the whole: this much until nothing more is begun, the rest to pack it.
_SECONDS = 50.0
_EXAMINE_SECONDS = 25.0
_PRIVATE = 0o600
_NOTE = (
    "Settings without secrets, findings, health, figures, logs and the schema of one installation. No document's text "
    "or title and no question is in it; each file's `redactions` says how often something was taken out."
)

Part = tuple[str, Callable[[], Any]]


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    content: bytes
    redactions: int


@dataclass(frozen=True, slots=True)
class _Log:
    """Records, one in a line, the newest last."""

    text: str


def write_bundle(path: Path, surgery: Surgery, version: str, clock: Clock, seconds: float = _SECONDS) -> dict[str, Any]:
    """Write `path` whole or not at all, for its owner's eyes; returns the manifest. Raises BundleNotWritten.

    seconds: after which what is not in it yet is left out, and named in the manifest.
    """
    end = time.monotonic() + seconds
    facts = surgery.facts()
    scrubber = Scrubber(facts.secrets, facts.private)
    made = [(name, _file(name, make, scrubber, end)) for name, make in _parts(surgery, facts, version, clock)]
    files = [file for _, file in made if file]
    manifest = {
        "made_at": clock().isoformat(timespec="seconds"),
        "version": version,
        "note": _NOTE,
        "files": [
            {
                "name": file.name,
                "size": len(file.content),
                "sha256": hashlib.sha256(file.content).hexdigest(),
                "redactions": file.redactions,
            }
            for file in files
        ],
        "left_out": [name for name, file in made if file is None],
    }
    _write(path, [_File("manifest.json", _json(manifest), 0), *files], clock())
    return manifest


def _parts(surgery: Surgery, facts: Facts, version: str, clock: Clock) -> Iterator[Part]:
    def examined() -> Any:
        with surgery.patient() as patient:
            return examination_view(examine(patient, version, clock, _EXAMINE_SECONDS))

    yield "settings.json", lambda: facts.settings
    yield "versions.json", lambda: facts.versions
    yield "doctor.json", examined
    yield "health.json", lambda: surgery.ask("/health/detailed")
    yield "readiness.json", lambda: surgery.ask("/health/ready")
    yield "status.json", lambda: surgery.ask("/status")
    yield "metrics.txt", lambda: surgery.ask("/metrics")
    yield "jobs.json", lambda: list(facts.jobs)
    yield "schema.sql", lambda: "\n".join(f"{statement};" for statement in facts.schema) + "\n"
    for number, log in enumerate(facts.logs):
        yield f"logs/{number:02}-{log.name}", partial(_newest, log)


def _file(name: str, make: Callable[[], Any], scrubber: Scrubber, end: float) -> _File | None:
    """None where there is no time for it before `end`, of the monotonic clock."""
    left, before = end - time.monotonic(), scrubber.count
    if left <= 0:
        return None
    making = in_thread(make, "bundle")
    wait([making], timeout=left)
    if not making.done():
        return None
    try:
        made = making.result()
        content = _log(made, scrubber, end) if isinstance(made, _Log) else _content(made, scrubber)
    except Exception as error:  # noqa: BLE001 - one part that breaks must not cost the others, and says so itself
        content = _json({"not_available": scrubber.text(f"{type(error).__name__}: {error}")})
    return _File(name, content, scrubber.count - before)


def _content(made: Any, scrubber: Scrubber) -> bytes:
    return scrubber.text(made).encode() if isinstance(made, str) else _json(scrubber.value(made))


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str).encode() + b"\n"


def _log(log: _Log, scrubber: Scrubber, end: float) -> bytes:
    """Record by record, the newest first as long as there is time; what is no record of ours is only counted."""
    lines, kept, strange = log.text.splitlines(), list[str](), 0
    while lines and time.monotonic() < end:
        record = _record(line := lines.pop())
        if record is not None:
            kept.append(json.dumps(scrubber.record(record), ensure_ascii=False))
        elif line.strip():
            strange += 1
    kept.reverse()
    scrubber.count += strange
    if strange:
        kept.append(json.dumps({"lines_left_out_that_are_no_records": strange}))
    if lines:
        kept.append(json.dumps({"older_lines_left_out_for_want_of_time": len(lines)}))
    return "".join(f"{line}\n" for line in kept).encode()


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _newest(path: Path) -> _Log:
    """Its newest part."""
    if path.suffix == ".gz":
        return _Log(_unpacked(path).decode("utf-8", "replace"))
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(file.tell() - _LOG_BYTES, 0))
        return _Log(file.read(_LOG_BYTES).decode("utf-8", "replace"))


def _unpacked(path: Path) -> bytes:
    """The end of what can be unpacked: of a file that was cut off or damaged, what comes before that."""
    tail = bytearray()
    with gzip.open(path, "rb") as packed:
        try:
            while piece := packed.read1(_AT_ONCE):
                tail += piece
                if len(tail) > 2 * _LOG_BYTES:
                    del tail[:-_LOG_BYTES]
        except (EOFError, zlib.error, gzip.BadGzipFile):
            if not tail:
                raise
    return bytes(tail[-_LOG_BYTES:])


def _write(path: Path, files: list[_File], now: datetime) -> None:
    try:
        _pack(path, files, now)
    except OSError as error:
        raise BundleNotWritten(path=path, reason=error.strerror or error) from error


def _pack(path: Path, files: list[_File], now: datetime) -> None:
    root = path.name.partition(".")[0]
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as archive:
            for file in files:
                entry = tarfile.TarInfo(f"{root}/{file.name}")
                entry.size, entry.mtime, entry.mode = len(file.content), int(now.timestamp()), _PRIVATE
                archive.addfile(entry, io.BytesIO(file.content))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
