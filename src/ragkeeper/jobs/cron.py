"""Cron expressions: five fields, UTC."""

from datetime import datetime, timedelta

from croniter import croniter
from croniter.croniter import CroniterBadDateError

from ragkeeper.core.clock import utc_now
from ragkeeper.jobs.errors import CronInvalid

_FIELDS = 5


def check_cron(cron: str) -> None:
    """Raises CronInvalid, also for one that names no day there is."""
    next_run(cron, utc_now())


def next_run(cron: str, after: datetime) -> datetime:
    """The first time after `after` that the expression names. Raises CronInvalid."""
    found: datetime = _times(cron, after).get_next(datetime)
    return found


def latest_run(cron: str, now: datetime) -> datetime:
    """The last time up to and including `now` that the expression names. Raises CronInvalid."""
    # A time that is named itself has no seconds, and is not before itself.
    found: datetime = _times(cron, now + timedelta(microseconds=1)).get_prev(datetime)
    return found


def _times(cron: str, start: datetime) -> croniter:
    if len(cron.split()) != _FIELDS or not croniter.is_valid(cron):
        raise CronInvalid(cron=cron)
    try:
        croniter(cron, start).get_next()
    except CroniterBadDateError as error:
        raise CronInvalid(cron=cron) from error
    return croniter(cron, start)
