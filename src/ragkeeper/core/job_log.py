"""What is logged, counted and remembered when a job has ended for good: one line each, with its id and its time."""

from collections import deque
from dataclasses import dataclass

import structlog

from ragkeeper.core.figures.work import JOB_SECONDS, JOBS_ENDED
from ragkeeper.core.metrics import Metrics

_log = structlog.get_logger()

_MOST_UNTOLD = 1000


@dataclass(frozen=True, slots=True)
class FailedJob:
    """code, reason: of the error it ended with.

    about: equal of jobs that do the same again and again, such as the runs of a schedule; empty of any other.
    """

    id: str
    kind: str
    code: str
    reason: str
    about: str = ""


def job_completed(metrics: Metrics, kind: str, job_id: str, seconds: float) -> None:
    _log.info("job_completed", job=job_id, kind=kind, seconds=round(seconds, 3))
    metrics.count(JOBS_ENDED, kind=kind, outcome="ok")
    metrics.observe(JOB_SECONDS, seconds, kind=kind)


class FailedJobs:
    """Those that failed since somebody last took them; of very many the newest. No attempt that is made again."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._untold: deque[FailedJob] = deque(maxlen=_MOST_UNTOLD)

    def add(self, job: FailedJob, seconds: float) -> None:
        _log.error("job_failed", job=job.id, kind=job.kind, seconds=round(seconds, 3), code=job.code, reason=job.reason)
        self._metrics.count(JOBS_ENDED, kind=job.kind, outcome="failed")
        self._metrics.observe(JOB_SECONDS, seconds, kind=job.kind)
        self._untold.append(job)

    def take(self) -> list[FailedJob]:
        taken = list(self._untold)
        self._untold.clear()
        return taken
