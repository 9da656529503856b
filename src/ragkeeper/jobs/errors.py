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


class JobsDatabaseAway(JobsUnavailable):
    """The PostgreSQL database of durable jobs cannot be reached: {reason}."""

    code = "jobs_database_away"
    fix = (
        "Start PostgreSQL, or correct RAG_JOBS_DATABASE_URL (`createdb` makes a database that is missing). Searches, "
        "answers and uploads go on without it; syncs and reindexing go on by themselves once it is back."
    )
    retry_after = 10.0


class JobsDatabaseRefuses(JobsUnavailable):
    """The PostgreSQL database of durable jobs refuses: {reason}."""

    code = "jobs_database_refuses"
    fix = "The user in RAG_JOBS_DATABASE_URL must be able to create a schema in that database and to write to it."
