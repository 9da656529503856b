"""Whether durable jobs come to an end."""

import time
from collections.abc import Iterator

from ragkeeper.core.checks import Check, Finding, Kind, Severity
from ragkeeper.storage.sql.readonly import ReadOnly

_DAY_MS = 86_400_000
_CODES = 5

JOBS_LOST = Kind(
    "jobs_lost",
    Severity.WARNING,
    "{count} jobs of the last day were begun again and again without coming to an end ({kinds})",
    "Their work is not done, and nobody tries any more.",
    "ragkeeper status  # then start again what they were about, such as: ragkeeper doctor index --fix",
)
JOBS_STALLED = Kind(
    "jobs_stalled",
    Severity.WARNING,
    "{count} jobs have waited for more than an hour ({kinds})",
    "Synchronisations, comparisons and repairs are not done.",
    "Stop the server (SIGTERM) and start it again: it takes up what waits.",
)
_HOUR_MS = 3_600_000


def job_checks(record: ReadOnly) -> list[Check]:
    """record: of the job engine, where that is a file."""
    return [Check("jobs", "outcomes", lambda: list(_look(record)))]


def _look(record: ReadOnly) -> Iterator[Finding]:
    now = int(time.time() * 1000)
    for kind, states, moment in (
        (JOBS_LOST, ("ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"), "updated_at > ?"),
        (JOBS_STALLED, ("ENQUEUED", "ENQUEUED"), "created_at < ?"),
    ):
        since = now - (_DAY_MS if kind is JOBS_LOST else _HOUR_MS)
        rows = record.rows(
            f"SELECT name, count(*) FROM workflow_status WHERE status IN (?, ?) AND {moment} GROUP BY 1",  # noqa: S608 - words of this file
            *states,
            since,
        )
        if rows:
            kinds = ", ".join(f"{count} {name}" for name, count in rows[:_CODES])
            yield kind.found({"count": sum(count for _, count in rows), "kinds": kinds})
