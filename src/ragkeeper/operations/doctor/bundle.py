"""Everything that somebody who helps from afar asks for, in one archive, without secrets and without content.

Each part stands alone: one that cannot be had says so in its place.
"""

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from ragkeeper.core.checks import NotLooked
from ragkeeper.core.clock import Clock
from ragkeeper.operations.doctor.errors import BundleNotWritten
from ragkeeper.operations.doctor.ports import Facts, Surgery
from ragkeeper.operations.doctor.redaction import Scrubber
from ragkeeper.operations.doctor.schemas import examination_view
from ragkeeper.operations.doctor.service import examine

_LOG_BYTES = 4_000_000
_EXAMINE_SECONDS = 30.0
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


def write_bundle(path: Path, surgery: Surgery, version: str, clock: Clock) -> dict[str, Any]:
    """Write `path` whole or not at all, for its owner's eyes; returns the manifest. Raises BundleNotWritten."""
    facts = surgery.facts()
    files = [_file(name, make, facts) for name, make in _parts(surgery, facts, version, clock)]
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
        yield f"logs/{number:02}-{log.name}", partial(Path, log)


def _file(name: str, make: Callable[[], Any], facts: Facts) -> _File:
    scrubber = Scrubber(facts.secrets, facts.private)
    try:
        made = make()
        content = _log(made, scrubber) if isinstance(made, Path) else _content(made, scrubber)
    except (NotLooked, OSError) as error:
        content = _json({"not_available": scrubber.text(str(error))})
    return _File(name, content, scrubber.count)


def _content(made: Any, scrubber: Scrubber) -> bytes:
    return scrubber.text(made).encode() if isinstance(made, str) else _json(scrubber.value(made))


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str).encode() + b"\n"


def _log(path: Path, scrubber: Scrubber) -> bytes:
    """Its newest part, record by record; what is no record of ours is only counted."""
    out, strange = io.StringIO(), 0
    for line in _newest(path).splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            out.write(json.dumps(scrubber.record(record), ensure_ascii=False) + "\n")
        elif line.strip():
            strange += 1
    scrubber.count += strange
    if strange:
        out.write(json.dumps({"lines_left_out_that_are_no_records": strange}) + "\n")
    return out.getvalue().encode()


def _newest(path: Path) -> str:
    if path.suffix == ".gz":
        with gzip.open(path, "rb") as packed:
            return packed.read(_LOG_BYTES).decode("utf-8", "replace")
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(file.tell() - _LOG_BYTES, 0))
        return file.read(_LOG_BYTES).decode("utf-8", "replace")


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
