"""Cron expressions: five fields, UTC."""

from datetime import datetime

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
    if len(cron.split()) != _FIELDS or not croniter.is_valid(cron):
        raise CronInvalid(cron=cron)
    try:
        found: datetime = croniter(cron, after).get_next(datetime)
    except CroniterBadDateError as error:
        raise CronInvalid(cron=cron) from error
    return found
