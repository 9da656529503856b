"""What crosses HTTP about inspections of the index."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from ragkeeper.retrieval.inspection.models import Finding, Inspection


class CheckBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    deep: bool = False
    examples: int = Field(10, ge=0, le=1000)


class FindingView(BaseModel):
    kind: str
    count: int
    examples: list[str]
    message: str
    fix: str
    repairable: bool

    @classmethod
    def of(cls, finding: Finding) -> Self:
        return cls(
            kind=finding.kind,
            count=finding.count,
            examples=list(finding.examples),
            message=finding.message,
            fix=finding.fix,
            repairable=finding.repairable,
        )


class InspectionView(BaseModel):
    """ok: nothing was found."""

    ok: bool
    checked_at: datetime
    seconds: float
    deep: bool
    counts: dict[str, int]
    orphans: int
    missing: int
    waiting_changes: int
    lag_seconds: float
    findings: list[FindingView]

    @classmethod
    def of(cls, inspection: Inspection) -> Self:
        return cls(
            ok=not inspection.findings,
            checked_at=inspection.checked_at,
            seconds=inspection.seconds,
            deep=inspection.deep,
            counts=dict(inspection.counts),
            orphans=inspection.orphans,
            missing=inspection.missing,
            waiting_changes=inspection.waiting,
            lag_seconds=inspection.lag_seconds,
            findings=[FindingView.of(finding) for finding in inspection.findings],
        )


class JobStarted(BaseModel):
    """Follow it at `/api/v1/index/jobs/{job_id}`."""

    job_id: str
