"""What every feature's `checks` is written with: a check is one yes or no, a finding is a failed check's answer.

Checks look and change nothing. They are plain functions that may block: whoever runs them gives each a thread and a
time limit, so that one that hangs hides no other.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from ragkeeper.core.errors import RagkeeperError

Evidence: TypeAlias = Mapping[str, object]
"""Of numbers, texts and lists of them: it is printed as JSON."""


class Severity(StrEnum):
    """note: worth knowing, no fault; warning: it will go wrong; failure: it does already."""

    NOTE = "note"
    WARNING = "warning"
    FAILURE = "failure"


class NotLooked(RagkeeperError):
    """It cannot be looked at: {reason}."""

    code = "not_looked"
    fix = "Mend what is reported beside it, then run the check again."


@dataclass(frozen=True, slots=True)
class Mend:
    """Something safe that `--fix` does: what it will do, in words, and doing it. May raise OSError."""

    what: str
    do: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Finding:
    """fix: a command as it is typed; evidence: figures and names, never a secret or a document's text."""

    code: str
    severity: Severity
    message: str
    consequence: str
    fix: str
    evidence: Evidence = field(default_factory=dict)
    mend: Mend | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that can be wrong; `{fields}` are filled for the case at hand, paths in a fix as a shell takes them."""

    code: str
    severity: Severity
    message: str
    consequence: str
    fix: str

    def found(self, evidence: Evidence | None = None, mend: Mend | None = None, **fields: object) -> Finding:
        values = {**(evidence or {}), **fields}
        typed = {name: _typed(value) for name, value in values.items()}
        said = (self.message.format_map(values), self.consequence.format_map(values), self.fix.format_map(typed))
        return Finding(self.code, self.severity, *said, evidence=evidence or {}, mend=mend)


def _typed(value: object) -> object:
    """Once: what is quoted begins with a quotation mark."""
    return shlex.quote(value) if isinstance(value, str) and value.startswith("/") else value


@dataclass(frozen=True, slots=True)
class Check:
    """branch: the part of the tree; quick: takes milliseconds, so every start does it.

    `look` raises NotLooked where what it needs cannot be had.
    """

    branch: str
    name: str
    look: Callable[[], Iterable[Finding]]
    quick: bool = False
