"""How the capacity report fails."""

from ragkeeper.core.errors import RagkeeperError


class ReportNotWritten(RagkeeperError):
    """The report cannot be written to {path}: {reason}."""

    code = "report_not_written"
    status = 400
    fix = "Name a file in a folder that you may write to."
