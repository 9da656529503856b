"""Does the checks side by side, each with a time limit and apart from the others."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import partial

from ragkeeper.core.checks import Check, Finding, Kind, NotLooked, Severity
from ragkeeper.core.clock import Clock
from ragkeeper.core.threads import in_thread
from ragkeeper.operations.doctor import rules
from ragkeeper.operations.doctor.models import Examination, Looked, State
from ragkeeper.operations.doctor.ports import Patient

_SECONDS = 45.0

CHECK_FAILED = Kind(
    "check_failed",
    Severity.WARNING,
    "The check {check} failed itself: {reason}",
    "What it looks at is not known.",
    "ragkeeper support-bundle  # and report it with the bundle",
)
CHECK_UNFINISHED = Kind(
    "check_unfinished",
    Severity.WARNING,
    "The check {check} did not end within {seconds} s",
    "What it looks at does not answer, or is very large.",
    "Run `ragkeeper doctor` again when the machine is less busy.",
)


def examine(patient: Patient, version: str, clock: Clock, seconds: float = _SECONDS) -> Examination:
    """seconds: that all checks together may take; those that have not ended by then are told of."""
    began, checked_at = time.monotonic(), clock()
    # A thread for each: a database that answers nobody keeps every check that asks it. What hangs is left behind, and
    # keeps neither the result nor the end of the process waiting.
    waiting = [(check, in_thread(partial(_look, check), "check")) for check in patient.checks]
    wait([future for _, future in waiting], timeout=seconds)
    looked = [_looked(check, future, seconds) for check, future in waiting]
    return Examination(checked_at, round(time.monotonic() - began, 3), version, patient.server, tuple(looked))


def mend(examination: Examination, tell: Callable[[str], None]) -> list[str]:
    """Do what is safe; returns why something could not be done."""
    failed = []
    for _, one in rules.mends(examination):
        try:
            one.do()
        except OSError as error:
            failed.append(f"{one.what}: {error.strerror or error}")
        else:
            tell(one.what)
    return failed


def quick(checks: Sequence[Check]) -> list[Check]:
    return [check for check in checks if check.quick]


def _looked(check: Check, future: "Future[Looked]", seconds: float) -> Looked:
    if future.done():
        return future.result()
    evidence = {"check": f"{check.branch}: {check.name}", "seconds": round(seconds) or seconds}
    return _done(check, 0.0, [CHECK_UNFINISHED.found(evidence)])


def _look(check: Check) -> Looked:
    began = time.monotonic()
    try:
        found = list(check.look())
    except NotLooked as error:
        reason = str(error.fields["reason"])
        return replace(_done(check, time.monotonic() - began, []), state=State.SKIPPED, reason=reason)
    except Exception as error:  # noqa: BLE001 - a check that breaks must hide no other and stands there itself
        evidence = {"check": f"{check.branch}: {check.name}", "reason": f"{type(error).__name__}: {error}"}
        found = [CHECK_FAILED.found(evidence)]
    return _done(check, time.monotonic() - began, found)


def _done(check: Check, seconds: float, findings: Sequence[Finding]) -> Looked:
    return Looked(check.branch, check.name, rules.state_of(findings), round(seconds, 3), tuple(findings))
