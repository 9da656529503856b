import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from typing import NoReturn

from ragkeeper.core.checks import Check, Finding, Kind, Mend, NotLooked, Severity
from ragkeeper.core.clock import utc_now
from ragkeeper.operations.doctor.models import Examination, State
from ragkeeper.operations.doctor.ports import Patient
from ragkeeper.operations.doctor.rules import has_problem, mends
from ragkeeper.operations.doctor.service import examine, mend, quick

NOTE = Kind("a_note", Severity.NOTE, "It is {what}", "Nothing.", "look")
WRONG = Kind("wrong", Severity.FAILURE, "It is {what}", "All of it.", "mend {what}")

HANGS = """
import threading
from ragkeeper.core.checks import Check
from ragkeeper.core.clock import utc_now
from ragkeeper.operations.doctor.ports import Patient
from ragkeeper.operations.doctor.service import examine
patient = Patient([Check("a", "hangs", lambda: [threading.Event().wait()])], None)
print([finding.code for finding in examine(patient, "1", utc_now, 0.3).findings])
"""


def well() -> Iterable[Finding]:
    return []


def crash() -> NoReturn:
    raise ZeroDivisionError("by zero")


def cannot() -> NoReturn:
    raise NotLooked(reason="it is away")


def examined(*checks: Check, seconds: float = 10) -> Examination:
    return examine(Patient(checks, None), "1", utc_now, seconds)


def test_each_check_is_told_in_its_place() -> None:
    found = examined(
        Check("a", "well", well),
        Check("a", "note", lambda: [NOTE.found(what="so")]),
        Check("b", "wrong", lambda: [WRONG.found({"what": "so"})]),
        Check("b", "cannot", cannot),
    )
    states = {one.name: one.state for one in found.looked}
    assert states == {"well": State.OK, "note": State.NOTE, "wrong": State.FAILURE, "cannot": State.SKIPPED}
    assert found.looked[3].reason == "it is away"
    assert [(one.code, one.message, one.fix) for one in found.findings][1] == ("wrong", "It is so", "mend so")
    assert has_problem(found)


def test_notes_and_skipped_checks_are_no_problem() -> None:
    assert not has_problem(examined(Check("a", "note", lambda: [NOTE.found(what="so")]), Check("a", "cannot", cannot)))


def test_a_check_that_breaks_hides_no_other() -> None:
    found = examined(Check("a", "crash", crash), Check("a", "wrong", lambda: [WRONG.found(what="so")]))
    assert [finding.code for finding in found.findings] == ["check_failed", "wrong"]
    assert "ZeroDivisionError: by zero" in found.findings[0].message


def test_a_check_that_hangs_hides_no_other() -> None:
    ended = threading.Event()

    def hangs() -> Iterable[Finding]:
        ended.wait(20)
        return []

    began = time.monotonic()
    many = [Check("a", f"hangs {number}", hangs) for number in range(20)]
    found = examined(*many, Check("a", "wrong", lambda: [WRONG.found(what="so")]), seconds=0.3)
    assert time.monotonic() - began < 5
    ended.set()
    assert [finding.code for finding in found.findings] == [*["check_unfinished"] * 20, "wrong"]
    assert found.findings[0].message == "The check a: hangs 0 did not end within 0.3 s"


def test_a_check_that_hangs_keeps_no_process_from_ending() -> None:
    done = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "['check_unfinished']\n"


def test_what_mends_itself_is_done_and_what_fails_is_told() -> None:
    done: list[str] = []

    def fail() -> None:
        raise PermissionError(1, "not allowed")

    checks = [
        Check("a", "one", lambda: [WRONG.found(mend=Mend("do one", lambda: done.append("one")), what="so")]),
        Check("a", "two", lambda: [WRONG.found(mend=Mend("do two", fail), what="so")]),
    ]
    found = examined(*checks)
    assert [one.what for _, one in mends(found)] == ["do one", "do two"]
    assert done == []
    told: list[str] = []
    assert mend(found, told.append) == ["do two: not allowed"]
    assert (done, told) == (["one"], ["do one"])


def test_only_quick_checks_are_for_every_start() -> None:
    checks = [Check("a", "slow", well), Check("a", "quick", well, quick=True)]
    assert [check.name for check in quick(checks)] == ["quick"]
