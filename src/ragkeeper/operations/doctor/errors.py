"""How the doctor's commands fail."""

from ragkeeper.core.errors import RagkeeperError


class BundleNotWritten(RagkeeperError):
    """The bundle cannot be written to {path}: {reason}."""

    code = "bundle_not_written"
    status = 422
    fix = "Name a file in a folder that this user may write."
