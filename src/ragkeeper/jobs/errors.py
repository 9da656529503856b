"""What can be wrong with a job's schedule."""

from ragkeeper.core.errors import RagkeeperError


class CronInvalid(RagkeeperError):
    """`{cron}` is no schedule."""

    code = "schedule_invalid"
    status = 422
    fix = "Give five fields as cron does: minute, hour, day, month, day of week (`0 2 * * *`: daily at 02:00 UTC)."
