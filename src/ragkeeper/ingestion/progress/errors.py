"""How requests about jobs fail."""

from ragkeeper.core.errors import RagkeeperError


class JobUnknown(RagkeeperError):
    """There is no job {id} that you may see."""

    code = "job_unknown"
    status = 404
    fix = "`ragkeeper jobs list` shows what there is; a job goes when its document is deleted."


class NothingToCancel(RagkeeperError):
    """The job {id} has ended already; it is {state}."""

    code = "nothing_to_cancel"
    status = 409
    fix = "To remove what it made, delete its document."


class NotRetryable(RagkeeperError):
    """The job {id} has neither failed nor been cancelled; it is {state}."""

    code = "job_not_retryable"
    status = 409
    fix = "Only jobs that failed or were cancelled are tried again, and only those of a document's newest version."
