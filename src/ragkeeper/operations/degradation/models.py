"""Degradation as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Step(StrEnum):
    """Best first. Each includes those before it, but for the last: a read-only server answers as well as it can."""

    FULL = "full"
    WITHOUT_RERANKING = "without_reranking"
    FALLBACK_MODEL = "fallback_model"
    EXTRACTIVE = "extractive"
    SEARCH_ONLY = "search_only"
    READ_ONLY = "read_only"

    @property
    def rank(self) -> int:
        return list(Step).index(self)


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that is missing at this moment. step: what it brings about; full: only what `reason` says."""

    name: str
    step: Step
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that is missing. last_seen: it holds for a while after that, so that it does not come and go."""

    seen: Seen
    since: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Forced:
    """What an administrator said. stored: it survives a restart of the server."""

    step: Step
    by: str
    since: datetime
    until: datetime
    reason: str = ""
    stored: bool = True


@dataclass(frozen=True, slots=True)
class Degradation:
    """The worst of what is missing and what was said.

    answers: the best step that an answer can have now. takes_changes: whether anything can be stored.
    """

    step: Step
    answers: Step
    takes_changes: bool
    causes: tuple[Cause, ...]
    forced: Forced | None


Causes = Mapping[str, Cause]
"""By name."""
