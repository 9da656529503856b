from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.operations.diagnose.models import (
    Answer,
    Cpu,
    Database,
    Disk,
    FileSystem,
    Host,
    Memory,
    Network,
    Plan,
    Remembered,
    Stage,
    Table,
)
from ragkeeper.operations.diagnose.rules import index_advice, issues, stage_advice

FINE = Host(
    Cpu(12.0, 2, (0.5, 0.4, 0.3), 2),
    Memory(40.0, 6_000_000_000, 10_000_000_000, 0.0),
    Disk([FileSystem("/srv", 50.0, 50_000, 100_000), FileSystem("/backups", 60.0, 40_000, 100_000)], 1, 1),
    Network(1, 1, 1, 1),
)
QUICK = Answer(0.02, 0.001, known_answer=True, stages={"embed": 0.01, "search": 0.002})
PERCENT = st.floats(0, 100)


def with_cpu(percent: float = 12.0, load: float = 0.5, count: float = 2.0, of_machine: int = 2) -> Host:
    return replace(FINE, cpu=Cpu(percent, count, (load, load, load), of_machine))


def with_memory(percent: float = 40.0, swap: float = 0.0) -> Host:
    return replace(FINE, memory=Memory(percent, 1, 2, swap))


def with_disk(percent: float) -> Host:
    return replace(FINE, disk=Disk([*FINE.disk.file_systems[:1], FileSystem("/backups", percent, 1, 2)], 1, 1))


def test_a_machine_that_is_well_has_no_issue():
    assert issues(FINE, QUICK) == []


@given(PERCENT, PERCENT, PERCENT, PERCENT, st.floats(0, 99), st.integers(1, 64))
def test_each_limit_of_the_guide(cpu: float, memory: float, swap: float, disk: float, load: float, count: int):
    host = Host(
        Cpu(cpu, count, (load, 0, 0), count),
        Memory(memory, 1, 1, swap),
        Disk([FileSystem("/x", disk, 1, 1)], 0, 0),
        FINE.network,
    )
    expected = [
        *([f"High CPU usage: {cpu:.1f}%"] if cpu > 80 else []),
        *([f"High load average: {load:.2f}"] if load > count else []),
        *([f"High memory usage: {memory:.1f}%"] if memory > 85 else []),
        *([f"High swap usage: {swap:.1f}%"] if swap > 50 else []),
        *([f"Low disk space: {disk:.1f}% used (/x)"] if disk > 90 else []),
    ]
    assert issues(host, QUICK) == expected


@pytest.mark.parametrize(
    ("host", "found"),
    [
        (with_cpu(percent=80.0), []),
        (with_cpu(percent=80.1), ["High CPU usage: 80.1%"]),
        (with_cpu(load=2.0), []),
        (with_cpu(load=2.01), ["High load average: 2.01"]),
        (with_cpu(load=1.5, count=1, of_machine=1), ["High load average: 1.50"]),
        (with_cpu(load=1.5, count=0.5), []),  # of whoever else is on the machine
        (with_cpu(load=2.5, count=0.5), ["High load average: 2.50"]),
        (with_cpu(percent=97.0, load=1.5, count=1), ["High CPU usage: 97.0%", "High load average: 1.50"]),
        (with_cpu(percent=97.0, load=0.9, count=1), ["High CPU usage: 97.0%"]),
        (with_memory(85.0), []),
        (with_memory(88.04), ["High memory usage: 88.0%"]),
        (with_memory(swap=60.0), ["High swap usage: 60.0%"]),
        (with_disk(92.0), ["Low disk space: 92.0% used (/backups)"]),
    ],
)
def test_the_limits_are_exclusive(host: Host, found: list[str]):
    assert issues(host, QUICK) == found


def test_answers_are_judged_by_a_real_search():
    assert issues(FINE, replace(QUICK, seconds=5.0)) == []
    slow = replace(QUICK, seconds=6.52, stages={"embed": 6.4, "search": 0.1})
    assert issues(FINE, slow) == ["Slow API response time: 6.52s (slowest stage: embed, 6.40s)"]
    assert issues(FINE, Answer(None, None)) == ["API endpoint not responding"]
    assert issues(FINE, Answer(None, 0.1, "It answers 500.")) == ["API endpoint not responding: It answers 500."]
    assert issues(FINE, replace(QUICK, known_answer=False)) == ["Search does not find the passage it was asked for"]
    assert issues(FINE, replace(QUICK, known_answer=None)) == []


def test_slow_stages_are_named():
    assert stage_advice(None) == []

    def told(stage: Stage) -> list[str]:
        return stage_advice(Remembered(0.1, [], [stage]))

    assert told(Stage("embed", 100, 0.1, 0.2, 0.15)) == []
    assert told(Stage("embed", 100, 1.0, 2.0, None)) == [
        "The stage embed is slow: 95 % of 100 within 2.00 s in the last hour"
    ]
    assert "0.05 s the day before" in told(Stage("embed", 100, 0.2, 0.4, 0.05))[0]
    assert told(Stage("embed", 5, 1.0, 9.0, 0.05)) == []


def test_indexes_that_lack_and_that_are_too_many():
    chunks = Table("chunks", 50_000, {"a": ["document_id"], "b": ["document_id", "ordinal"]}, [["version_id"]])
    found = index_advice(Database([chunks]))
    assert found == [
        "No index on chunks (version_id), which refers to another table",
        "The index a is not needed: b begins with the same columns",
    ]
    assert index_advice(Database([replace(chunks, indexes={"c": ["version_id"]})])) == []
    assert index_advice(Database([replace(chunks, rows=10, indexes={})])) == []
    twins = Table("x", 1, {"one": ["a"], "two": ["a"]}, [])
    assert index_advice(Database([twins])) == ["The index two is not needed: one begins with the same columns"]


def test_a_slow_statement_that_reads_a_large_table_is_named():
    table = Table("chunks", 50_000, {}, [])
    scan = Plan("SELECT text FROM chunks WHERE page = ?", ["SCAN chunks"])
    assert index_advice(Database([table], [scan])) == [
        "A slow statement reads all 50000 rows of chunks; an index may help: SELECT text FROM chunks WHERE page = ?"
    ]
    for step in ("SEARCH chunks USING INDEX x (page=?)", "SCAN chunks USING COVERING INDEX x", "SCAN other"):
        assert index_advice(Database([table], [replace(scan, steps=[step])])) == []
    assert index_advice(Database([replace(table, rows=20)], [scan])) == []
