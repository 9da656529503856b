"""Jobs that failed for good: events, not conditions. Each is told once and is never over. No I/O, no clock."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from ragkeeper.core.job_log import FailedJob

JOB_FAILED: Final = "JobFailed"
HIGH: Final = "high"
"""The guides' severity of it: somebody should look today, and nothing else says so of this one job."""

REPEAT_SECONDS = 4 * 3600.0
"""What goes on is told again so often: an alert, and jobs that fail at the same again and again."""

_LISTED = 20


class Repeats:
    """Which failures are the same as one that was told of a while ago."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str, str], float] = {}

    def new(self, jobs: Iterable[FailedJob], now: float) -> list[FailedJob]:
        """Those that people should hear of; now: seconds since 1970."""
        self._told = {key: at for key, at in self._told.items() if now - at < REPEAT_SECONDS}
        return [job for job in jobs if not job.about or self._is_new(job, now)]

    def memory(self) -> list[list[str | float]]:
        """What a restart must not lose, as JSON has it."""
        return [[*key, at] for key, at in self._told.items()]

    def remember(self, memory: Iterable[Iterable[Any]]) -> None:
        """Raises TypeError and ValueError."""
        self._told = {(str(kind), str(about), str(code)): float(at) for kind, about, code, at in memory}

    def _is_new(self, job: FailedJob, now: float) -> bool:
        key = (job.kind, job.about, job.code)
        is_new = key not in self._told
        self._told.setdefault(key, now)
        return is_new


def page(job: FailedJob) -> str:
    """Of docs/operate."""
    return "document-stuck" if job.kind == "document" else "errors"


def paragraphs(jobs: tuple[FailedJob, ...], runbooks: str) -> list[str]:
    """The first of them in words, and how many there are besides."""
    found = [
        f"Job {job.id} ({job.kind}) failed: {job.reason} ({JOB_FAILED}, {HIGH})\nWhat to do: {runbooks}/{page(job)}.md"
        for job in jobs[:_LISTED]
    ]
    more = len(jobs) - len(found)
    return [*found, f"And {more} more: `ragkeeper jobs list --state failed`."] if more else found


def payload(job: FailedJob, runbooks: str, now: datetime) -> dict[str, Any]:
    """As Alertmanager has one alert."""
    return {
        "status": "firing",
        "labels": {"alertname": JOB_FAILED, "severity": HIGH, "job": job.id, "kind": job.kind, "code": job.code},
        "annotations": {
            "summary": f"Job {job.id} failed",
            "description": job.reason,
            "runbook_url": f"{runbooks}/{page(job)}.md",
        },
        "startsAt": now.isoformat(),
    }
