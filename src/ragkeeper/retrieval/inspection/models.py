"""What an inspection of the index finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

CHECK = "index_check"
REPAIR = "index_repair"
"""Kinds of durable jobs."""


class FindingKind(StrEnum):
    UNUSABLE_INDEX = "unusable_index"
    WRONG_MODEL = "wrong_model"
    ORPHANS = "orphans"
    STALE = "stale_versions"
    MISSING_WORDS = "missing_words"
    MISSING_VECTORS = "missing_vectors"
    DIFFERENT = "different"
    NOT_EMBEDDED = "not_embedded"
    WRONG_DIMENSION = "wrong_dimension"
    UNUSABLE_VECTORS = "unusable_vectors"
    MISSING_ORIGINALS = "missing_originals"
    CHANGED_ORIGINALS = "changed_originals"


@dataclass(frozen=True, slots=True)
class Finding:
    """examples: ids of the first few (chunks, or documents for originals); repairable: whether `--fix` mends it."""

    kind: FindingKind
    count: int
    examples: tuple[str, ...]
    message: str
    fix: str
    repairable: bool


@dataclass(frozen=True, slots=True)
class Inspection:
    """counts: chunks, words, vectors, stored_vectors, originals, compared; waiting: changes not in the index yet."""

    checked_at: datetime
    seconds: float
    deep: bool
    counts: Mapping[str, int]
    waiting: int
    lag_seconds: float
    findings: tuple[Finding, ...]

    def count(self, *kinds: FindingKind) -> int:
        return sum(finding.count for finding in self.findings if finding.kind in kinds)

    @property
    def orphans(self) -> int:
        return self.count(FindingKind.ORPHANS, FindingKind.STALE)

    @property
    def missing(self) -> int:
        return self.count(FindingKind.MISSING_WORDS, FindingKind.MISSING_VECTORS, FindingKind.NOT_EMBEDDED)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What outbox rows are about: these differences are no findings, the index gets them in a moment."""

    versions: frozenset[str]
    removes_documents: bool
