import gzip
import json
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ragkeeper.core.clock import utc_now
from ragkeeper.operations.doctor import bundle
from ragkeeper.operations.doctor.bundle import write_bundle
from ragkeeper.operations.doctor.ports import Facts, Patient

ASKED = {"health.json", "readiness.json", "status.json", "metrics.txt"}
AT_HAND = {"settings.json", "versions.json", "doctor.json", "jobs.json", "schema.sql"}


@dataclass(slots=True)
class Fake:
    """An installation without checks. answer: what its server says; logs, private: as in Facts."""

    answer: Callable[[str], Any] = lambda path: {"path": path}
    logs: list[Path] = field(default_factory=list)
    private: list[str] = field(default_factory=list)

    @contextmanager
    def patient(self) -> Iterator[Patient]:
        yield Patient([], None)

    def facts(self) -> Facts:
        return Facts({}, {}, [], [], ["s3cret!"], self.private, self.logs)

    def ask(self, path: str) -> Any:
        return self.answer(path)


def made(folder: Path, surgery: Fake, seconds: float = 600) -> tuple[dict[str, Any], dict[str, str]]:
    """The manifest, and the content of each file that it lists."""
    path = folder / "case.tar.gz"
    manifest = write_bundle(path, surgery, "1", utc_now, seconds)
    with tarfile.open(path) as archive:
        found = {entry.name.partition("/")[2]: archive.extractfile(entry) for entry in archive.getmembers()}
        texts = {name: file.read().decode() for name, file in found.items() if file}
    return manifest, {entry["name"]: texts[entry["name"]] for entry in manifest["files"]}


def lines(*events: str) -> bytes:
    return "".join(json.dumps({"event": event}) + "\n" for event in events).encode()


def events(text: str) -> list[str]:
    return [json.loads(line).get("event", "") for line in text.splitlines()]


def test_a_part_that_breaks_in_whatever_way_says_so_in_its_place(tmp_path: Path) -> None:
    def broken(path: str) -> Any:
        raise ZeroDivisionError(f"{path} s3cret!")

    manifest, files = made(tmp_path, Fake(broken, [tmp_path / "away.log"]))
    assert set(files) == ASKED | AT_HAND | {"logs/00-away.log"}
    assert manifest["left_out"] == []
    assert json.loads(files["status.json"]) == {"not_available": "ZeroDivisionError: /status [removed]"}
    assert "FileNotFoundError" in json.loads(files["logs/00-away.log"])["not_available"]


def test_of_a_packed_log_the_newest_is_taken_and_what_a_cut_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "_LOG_BYTES", 200)
    monkeypatch.setattr(bundle, "_AT_ONCE", 64)
    whole = gzip.compress(lines(*(f"event {number}" for number in range(500))))
    cut = gzip.compress(lines("cut off"))[:-9]
    for name, content in (("whole.gz", whole), ("cut.gz", cut), ("empty.gz", whole[:5]), ("none.gz", b"no archive")):
        (tmp_path / name).write_bytes(content)
    _, files = made(tmp_path, Fake(logs=[tmp_path / f"{name}.gz" for name in ("whole", "cut", "empty", "none")]))
    assert events(files["logs/00-whole.gz"])[-2:] == ["event 499", ""]
    assert "event 0" not in events(files["logs/00-whole.gz"])
    assert events(files["logs/01-cut.gz"]) == ["cut off"]
    assert "EOFError" in files["logs/02-empty.gz"]
    assert "BadGzipFile" in files["logs/03-none.gz"]


def test_what_there_is_no_time_for_is_named(tmp_path: Path) -> None:
    ended = threading.Event()
    log = tmp_path / "a.log"
    log.write_bytes(lines("one"))

    def hangs(path: str) -> Any:
        ended.wait(60)

    manifest, files = made(tmp_path, Fake(hangs, [log]), seconds=1)
    ended.set()
    assert set(manifest["left_out"]) >= {"health.json", "readiness.json", "schema.sql", "logs/00-a.log"}
    assert set(files) | set(manifest["left_out"]) == ASKED | AT_HAND | {"logs/00-a.log"}


def test_of_a_log_that_takes_too_long_the_newest_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(lines("one", "two", "three"))
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)

    def record(line: str) -> Any:
        clock.now += 1
        return json.loads(line)

    monkeypatch.setattr(bundle, "time", clock)
    monkeypatch.setattr(bundle, "_record", record)
    manifest, files = made(tmp_path, Fake(logs=[log]), seconds=2)
    assert manifest["left_out"] == []
    assert events(files["logs/00-a.log"]) == ["two", "three", ""]
    assert '{"older_lines_left_out_for_want_of_time": 1}' in files["logs/00-a.log"]


def test_names_are_taken_out_of_every_part(tmp_path: Path) -> None:
    names = [f"Minutes of meeting {number}" for number in range(20_000)]
    log = tmp_path / "a.log"
    log.write_bytes(lines(*names))
    surgery = Fake(lambda path: {"about": [f"{path}: {name}" for name in names]}, [log], names)
    manifest, files = made(tmp_path, surgery)
    assert [name for name, text in files.items() if "Minutes" in text] == []
    assert events(files["logs/00-a.log"]) == ["[removed]"] * len(names)
    redactions = {entry["name"]: entry["redactions"] for entry in manifest["files"]}
    assert redactions["logs/00-a.log"] == redactions["status.json"] == len(names)
