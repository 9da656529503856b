"""What findings mean for a check, and checks for the whole. No I/O."""

from collections.abc import Iterable, Sequence

from ragkeeper.core.checks import Finding, Mend, Severity
from ragkeeper.operations.doctor.models import Examination, Looked, State

_ORDER = tuple(State)
_OF_SEVERITY = {Severity.NOTE: State.NOTE, Severity.WARNING: State.WARNING, Severity.FAILURE: State.FAILURE}


def state_of(findings: Iterable[Finding]) -> State:
    return worst([_OF_SEVERITY[finding.severity] for finding in findings])


def worst(states: Iterable[State]) -> State:
    return max(states, key=_ORDER.index, default=State.OK)


def branches(looked: Sequence[Looked]) -> dict[str, list[Looked]]:
    """Checks by branch, in the order in which branches first come."""
    found: dict[str, list[Looked]] = {}
    for one in looked:
        found.setdefault(one.branch, []).append(one)
    return found


def has_problem(examination: Examination) -> bool:
    """Notes are no problem; what could not be looked at has its own finding elsewhere."""
    return any(finding.severity is not Severity.NOTE for finding in examination.findings)


def mends(examination: Examination) -> list[tuple[str, Mend]]:
    """(code, what is safe to do) of every finding that can be mended so."""
    return [(finding.code, finding.mend) for finding in examination.findings if finding.mend is not None]
