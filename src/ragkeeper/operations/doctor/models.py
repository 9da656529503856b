"""What an examination finds, as plain data."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ragkeeper.core.checks import Finding


class State(StrEnum):
    """Of a check; the later, the worse. skipped: what it needs could not be had, and that is reported elsewhere."""

    OK = "ok"
    NOTE = "note"
    SKIPPED = "skipped"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Looked:
    """A check that was done. reason: why it was skipped."""

    branch: str
    name: str
    state: State
    seconds: float
    findings: tuple[Finding, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """server: where one answers; None: what was found, was found without one."""

    checked_at: datetime
    seconds: float
    version: str
    server: str | None
    looked: tuple[Looked, ...]

    @property
    def findings(self) -> list[Finding]:
        return [finding for one in self.looked for finding in one.findings]
