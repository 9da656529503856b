"""A test that failed while the machine stood still is run once more, and the run's last lines name it.

Many tests hold the server to times that the guides name: an answer within five seconds, a probe within a tenth of one.
A virtual machine whose host is busy stands still for a second now and then, with everything on it; what fails then
says nothing of the server. So a process of its own looks at the clock fifty times a second, and only a failure during
which it saw the machine stand still gets a second run. A failure without that stays a failure, and so does a second.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

# A full run of the tests on two cores keeps the watcher waiting for less than this by itself (seen: .07 s).
_LONGEST_WAIT = 0.1
# So many seconds of standing still, in all, are enough to break a test that looks at times.
ENOUGH = 0.3
_RERUN = "rerun"
_STOOD_STILL = "Stood still"
_NOT_ENDED = "Its fixtures' end"

# Answers each moment that it reads with the seconds that were lost since then.
_WATCHER = """
import select, sys, time
longest, pauses, last = float(sys.argv[1]), [], time.monotonic()
while True:
    asked = select.select([sys.stdin], [], [], 0.02)[0]
    now = time.monotonic()
    if now - last > longest:
        pauses.append((now, now - last))
    last = now
    if asked:
        since = sys.stdin.readline()
        if not since:
            break
        print(sum(lost for ended, lost in pauses if ended > float(since)), flush=True)
"""


class Watcher:
    """A process that ends with the one that made it: its standard input ends then."""

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-S", "-c", _WATCHER, str(_LONGEST_WAIT)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @property
    def pid(self) -> int:
        return self._process.pid

    def stood_still(self, since: float) -> float:
        """Seconds lost from that moment of `time.monotonic` on."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{since}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


class SecondRuns:
    """The plugin. stood_still: how many seconds the machine stood still since that moment; a `Watcher` where none."""

    def __init__(self, stood_still: Callable[[float], float] | None = None) -> None:
        self._stood_still = stood_still
        self._timeout: Any = None

    @cached_property
    def _watcher(self) -> Watcher:
        """Made with the first test: the process that only hands tests to others needs none."""
        return Watcher()

    def pytest_unconfigure(self) -> None:
        if "_watcher" in vars(self):
            self._watcher.close()

    def pytest_timeout_set_timer(self, settings: Any) -> None:
        """Look at it, and leave the setting to the plugin of the time limits."""
        self._timeout = settings

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        stood_still = self._stood_still or self._watcher.stood_still
        began = time.monotonic()
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        if any(report.failed for report in reports) and (lost := stood_still(began)) >= ENOUGH:
            failed = [report for report in reports if report.failed]
            failed[0].sections += [(_STOOD_STILL, f"{lost:.1f} s"), *self._cleared(item)]
            for report in failed:
                report.outcome = _RERUN  # type: ignore[assignment] - a word of ours beside pytest's
                item.ihook.pytest_runtest_logreport(report=report)
            reports = runtestprotocol(item, log=False, nextitem=nextitem)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _cleared(self, item: pytest.Item) -> Iterator[tuple[str, str]]:
        """Begin anew: end every fixture, of whatever scope, and the time limit. What could not be ended is told."""
        try:
            item.session._setupstate.teardown_exact(None)
        except Exception as error:  # noqa: BLE001 - whatever a fixture raises at its end
            yield _NOT_ENDED, f"{type(error).__name__}: {error}".splitlines()[0]
        if self._timeout is not None:
            item.ihook.pytest_timeout_cancel_timer(item=item)
            item.ihook.pytest_timeout_set_timer(item=item, settings=self._timeout)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        return (_RERUN, "R", "RERUN") if report.outcome == _RERUN else None  # type: ignore[comparison-overlap] - ours

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for report in terminalreporter.stats.get(_RERUN, ()):
            told = dict(report.sections)
            if _STOOD_STILL not in told:
                continue
            lost = told[_STOOD_STILL]
            terminalreporter.line(f"RERUN {report.nodeid}: the machine stood still for {lost} of its first run")
            terminalreporter.line(f"  {report.longreprtext.strip().splitlines()[-1]}")
            if _NOT_ENDED in told:
                terminalreporter.line(f"  its fixtures' end: {told[_NOT_ENDED]}")
