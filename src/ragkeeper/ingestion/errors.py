"""The ways a file can fail to become searchable. `code` is what users, tables and retries see."""

from typing import ClassVar

from ragkeeper.core.errors import RagkeeperError


class IngestionError(RagkeeperError):
    """The file could not be read."""

    code = "file_unreadable"
    status = 422
    retryable: ClassVar[bool] = False
