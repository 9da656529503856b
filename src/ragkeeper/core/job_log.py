"""What is logged and counted when a job has ended for good: one line each, with its id and how long it took."""

import structlog

from ragkeeper.core.figures.work import JOB_SECONDS, JOBS_ENDED
from ragkeeper.core.metrics import Metrics

_log = structlog.get_logger()


def job_completed(metrics: Metrics, kind: str, job_id: str, seconds: float) -> None:
    _log.info("job_completed", job=job_id, kind=kind, seconds=round(seconds, 3))
    metrics.count(JOBS_ENDED, kind=kind, outcome="ok")
    metrics.observe(JOB_SECONDS, seconds, kind=kind)


def job_failed(metrics: Metrics, kind: str, job_id: str, seconds: float, code: str, reason: str) -> None:
    """Not for an attempt that is made again."""
    _log.error("job_failed", job=job_id, kind=kind, seconds=round(seconds, 3), code=code, reason=reason)
    metrics.count(JOBS_ENDED, kind=kind, outcome="failed")
    metrics.observe(JOB_SECONDS, seconds, kind=kind)
