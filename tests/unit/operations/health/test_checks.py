from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ragkeeper.core.checks import Check, NotLooked
from ragkeeper.operations.health.checks import Parsers, clock_checks, disk_checks, memory_checks, server_checks
from ragkeeper.operations.health.rules import READ_ONLY

GIGABYTE = 1_000_000_000
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def codes(checks: list[Check]) -> list[str]:
    return [finding.code for check in checks for finding in check.look()]


def system(root: Path, used: float, total: int = 4 * GIGABYTE) -> Path:
    """The files in which a machine tells of its memory."""
    kilobytes = (f"MemTotal: {total // 1024} kB", f"MemAvailable: {int(total * (1 - used)) // 1024} kB")
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/meminfo").write_text("\n".join(kilobytes))
    (root / "proc/loadavg").write_text("0.50 0.25 0.12 1/300 4711\n")
    return root


@pytest.mark.parametrize(
    ("parsers", "used", "found"),
    [
        (Parsers(2, 2000), 0.5, []),
        (Parsers(2, 2001), 0.5, ["parsers_memory_above_limit"]),
        (Parsers(1, 4001), 0.5, ["parser_memory_above_limit"]),
        (Parsers(1, 1000), 0.96, ["memory_low"]),
    ],
)
def test_memory_is_judged_by_what_parsers_may_take(
    tmp_path: Path, parsers: Parsers, used: float, found: list[str]
) -> None:
    assert codes(memory_checks(parsers, root=system(tmp_path, used))) == found


def test_the_advice_fits_the_machine(tmp_path: Path) -> None:
    findings = memory_checks(Parsers(4, 2000), root=system(tmp_path, 0.1))[0].look()
    assert [finding.fix.split()[1] for finding in findings] == ["RAG_PARSER_MEMORY_MB=500"]


def group(root: Path, of: str, name: str, **files: str) -> None:
    """A control group and the process, by its number or "self", that is in it."""
    folder = system(root, 0.1) / "sys/fs/cgroup" / name
    folder.mkdir(parents=True, exist_ok=True)
    (root / "proc" / of).mkdir(exist_ok=True)
    (root / "proc" / of / "cgroup").write_text(f"0::/{name}\n")
    for file, text in files.items():
        (folder / file.replace("_", ".")).write_text(text)


def test_what_the_kernel_ended_is_told(tmp_path: Path) -> None:
    group(tmp_path, "self", "box", memory_events="low 0\noom 3\noom_kill 2\n")
    assert codes(memory_checks(Parsers(1, 256), root=tmp_path)) == ["killed_for_memory"]
    group(tmp_path, "self", "box", memory_events="oom_kill 0\n")
    assert codes(memory_checks(Parsers(1, 256), root=tmp_path)) == []


def test_limits_are_those_of_the_server_and_not_of_whoever_looks(tmp_path: Path) -> None:
    group(tmp_path, "self", "shell", memory_max="max", memory_current="1")
    limited = {
        "memory_max": str(300_000_000),
        "memory_current": "1",
        "memory_stat": "",
        "memory_events": "oom_kill 1\n",
    }
    group(tmp_path, "4711", "service", **limited)
    assert codes(memory_checks(Parsers(1, 512), root=tmp_path)) == []
    found = codes(memory_checks(Parsers(1, 512), pid=4711, root=tmp_path))
    assert found == ["parser_memory_above_limit", "killed_for_memory"]


def test_a_system_that_says_nothing_is_not_looked_at(tmp_path: Path) -> None:
    with pytest.raises(NotLooked):
        codes(memory_checks(Parsers(1, 256), root=tmp_path))


def test_one_disk_has_one_finding_for_all_that_is_on_it(tmp_path: Path) -> None:
    paths = {"data": tmp_path, "logs": tmp_path, "gone": tmp_path / "gone"}
    assert codes(disk_checks(paths, 0)) == []
    found = list(disk_checks(paths, 10**9)[0].look())
    assert [finding.code for finding in found] == ["disk_full"]
    assert found[0].evidence["what"] == "data, logs"


def test_a_disk_that_does_not_say_how_large_it_is_has_no_finding() -> None:
    assert codes(disk_checks({"data": Path("/proc")}, 500)) == []


@pytest.mark.parametrize(
    ("newest", "found"),
    [(None, []), (NOW + timedelta(minutes=4), []), (NOW + timedelta(minutes=6), ["clock_behind"])],
)
def test_a_clock_behind_the_records_is_told(newest: datetime | None, found: list[str]) -> None:
    assert codes(clock_checks(lambda: newest, lambda: NOW)) == found


DOWN = {"state": "down", "reason": "database: unhealthy", "since": "t"}
FINE = {"state": "ok", "reason": "", "since": "t"}
ANSWERS: dict[str, Any] = {
    "/health/ready": {"capabilities": {"retrieve": DOWN, "admin": FINE}},
    "/health/detailed": {
        "components": {
            "database": {"state": "unhealthy", "code": "c", "reason": "locked", "since": "t"},
            "redis": {"state": "not_configured", "code": "", "reason": "", "since": "t"},
        }
    },
    "/status": {
        "degradation": {"step": "full", "causes": []},
        "errors": {"total": 3, "by_code": {"storage_full": {}, "x": {}}},
    },
}


def test_what_a_server_says_of_itself_is_told() -> None:
    found = [finding for check in server_checks(ANSWERS.__getitem__) for finding in check.look()]
    assert [finding.code for finding in found] == ["part_unwell", "capability_down", "errors_logged"]
    assert found[0].consequence == "It is missed by: retrieve."
    assert "storage_full, x" in found[2].message


@pytest.mark.parametrize(
    ("reason", "found"),
    [(READ_ONLY, []), (f"{READ_ONLY}, database: degraded", ["capability_down"])],
)
def test_a_server_that_was_made_to_store_nothing_is_no_failure(reason: str, found: list[str]) -> None:
    down = {"state": "down", "reason": reason, "since": "t"}
    answers = {"/health/ready": {"capabilities": {"ingest": down}}, "/health/detailed": {"components": {}}}
    [parts] = [check for check in server_checks(answers.__getitem__) if check.name == "parts"]
    assert [finding.code for finding in parts.look()] == found
