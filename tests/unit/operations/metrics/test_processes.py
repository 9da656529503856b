import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.metrics import proc
from ragkeeper.operations.metrics.processes import ProcessFigures, _Account
from ragkeeper.operations.metrics.rules import role_of, works

BUSY = "for number in range(3_000_000): pass\nprint(1, flush=True)\ninput()"
# Starts what it is given, says which process that is once it has worked, and lets it end when it is told to.
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
input()
child.communicate(b"end\\n")
print("ended", flush=True)
input()
"""


def one(pid: int, cpu: float, waited: float = 0.0, written: int = 0) -> proc.Process:
    return proc.Process(pid, "x", cpu, waited, 0, 0, written, 0, 1)


def cpu(told: object) -> dict[str, float]:
    return {role: spent.cpu for role, spent in told.items()}  # type: ignore[attr-defined]


def test_children_are_told_by_what_they_do():
    assert role_of("python -m ragkeeper.entrypoints.index_builder 1") == "worker"
    assert role_of("python -m ragkeeper.storage.vectors.optimizer x") == "worker"
    assert role_of("python -I -m ragkeeper.ingestion.parsers.sandbox {}") == "parser"


def test_threads_are_told_by_what_they_do():
    names = ("embed-documents_0", "cut_1", "jobs_record_2", "queue-worker-syncs", "Thread-9 (queue_thread)")
    assert all(map(works, names))
    others = (
        "MainThread",
        "embed-query_0",
        "embed-now_0",
        "search-index_0",
        "asyncio_3",
        "cutlery_1",
        "Thread-1 (run)",
    )
    assert not any(map(works, others))


def test_what_threads_spend_on_the_workers_work_is_the_workers():
    account = _Account()
    told = account.note(one(1, 5), [("worker", one(3, 4))], working=3)
    assert cpu(told) == {"api": 2, "worker": 7, "parser": 0}


async def test_a_thread_of_our_own_is_seen_while_it_works_and_when_it_has_ended():
    metrics, may_end = Metrics(), threading.Event()

    def work() -> None:
        end = time.thread_time() + 0.2
        while time.thread_time() < end:
            pass
        worked.set()
        may_end.wait()

    worked = threading.Event()
    figures = ProcessFigures(metrics)
    await figures.look()
    before = by_role(metrics, "rag_process_cpu_seconds_total")["worker"]
    thread = threading.Thread(target=work, name="cut_0")
    thread.start()
    worked.wait()
    await figures.look()
    spent = by_role(metrics, "rag_process_cpu_seconds_total")["worker"] - before
    assert spent == pytest.approx(0.2, abs=0.05)
    may_end.set()
    thread.join()
    await figures.look()
    assert by_role(metrics, "rag_process_cpu_seconds_total")["worker"] - before == pytest.approx(spent)


def test_what_a_child_spent_stays_when_it_has_ended():
    account = _Account()
    assert cpu(account.note(one(1, 5), [("parser", one(2, 3)), ("worker", one(3, 4))])) == {
        "api": 5,
        "worker": 4,
        "parser": 3,
    }
    # Both have ended: this process has waited for 3.5 seconds of the first and 4 of the second.
    assert cpu(account.note(one(1, 6, waited=7.5), [])) == {"api": 6, "worker": 4, "parser": 3.5}


def test_a_child_that_nobody_saw_is_found_in_what_was_waited_for():
    account = _Account()
    assert cpu(account.note(one(1, 5, waited=2), []))["parser"] == 2


def test_nothing_falls_while_a_child_has_ended_and_is_not_waited_for():
    account = _Account()
    account.note(one(1, 5), [("parser", one(2, 3, written=100))])
    told = account.note(one(1, 5, written=0), [])
    assert (told["parser"].cpu, told["parser"].written, told["api"].written) == (3, 100, 0)


@pytest.fixture
def family() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process of ours with one child, and the child's id: what runs the tests may have children of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        yield parent, int(parent.stdout.readline())


async def test_a_real_child_is_a_parser(family: tuple[subprocess.Popen[str], int]):
    parent, child = family
    metrics = Metrics()
    figures = ProcessFigures(metrics, pid=parent.pid)
    await figures.look()
    await figures.look_at_own_memory()
    before = by_role(metrics, "rag_process_cpu_seconds_total")
    assert by_role(metrics, "rag_processes") == {"api": 1, "worker": 0, "parser": 1}
    assert before["parser"] == pytest.approx(proc.process(child).cpu, abs=0.05)
    assert 0 < by_role(metrics, "rag_process_unique_memory_bytes")["parser"] < 100_000_000
    assert parent.stdin is not None
    assert parent.stdout is not None
    parent.stdin.write("end it\n")
    parent.stdin.flush()
    assert parent.stdout.readline() == "ended\n"
    await figures.look()
    assert by_role(metrics, "rag_processes")["parser"] == 0
    assert by_role(metrics, "rag_process_cpu_seconds_total")["parser"] >= before["parser"]


async def test_it_tells_of_the_process_that_it_is_in():
    metrics = Metrics()
    await ProcessFigures(metrics).look()
    own = proc.process(os.getpid())
    assert by_role(metrics, "rag_process_resident_memory_bytes")["api"] == pytest.approx(own.resident, rel=0.2)


def by_role(metrics: Metrics, name: str) -> dict[str, float]:
    samples = [sample for family in metrics.families() for sample in family.samples if sample.name == name]
    return {sample.labels["role"]: sample.value for sample in samples}
