"""What can be wrong with a job or its schedule."""

from typing import Self

from ragkeeper.core.errors import RagkeeperError


class CronInvalid(RagkeeperError):
    """`{cron}` is no schedule."""

    code = "schedule_invalid"
    status = 422
    fix = "Give five fields as cron does: minute, hour, day, month, day of week (`0 2 * * *`: daily at 02:00 UTC)."


class StepFailed(RagkeeperError):
    """{reason}."""

    code = "step_failed"
    fix = "Look at the reason, and start the job again."

    @classmethod
    def again(cls, code: str, message: str) -> Self:
        """What a step raised before a restart, by its own code."""
        error = cls(reason=message.removesuffix("."))
        error.__dict__["code"] = code
        return error


class JobsUnavailable(RagkeeperError):
    """The record of durable jobs cannot be opened: {reason}."""

    code = "jobs_unavailable"
    status = 503
    fix = "When `jobs.db` in the data folder is damaged, move it aside and restart: documents do not depend on it."
