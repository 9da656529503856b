"""How files and the data folder fail."""

from ragkeeper.core.errors import RagkeeperError


class FileTooLarge(RagkeeperError):
    """The file is larger than the limit of {limit_mb} MB."""

    code = "file_too_large"
    status = 413
    fix = "Split the file, or raise RAG_MAX_UPLOAD_MB and restart."


class DiskSpaceLow(RagkeeperError):
    """Only {free_mb} MB are free on the disk of the data folder, and {needed_mb} MB are kept in reserve."""

    code = "disk_space_low"
    status = 507
    fix = "Free space on that disk, or lower RAG_MIN_FREE_MB; nothing was stored, so send the file again afterwards."
    retry_after = 30.0


class DataFolderInUse(RagkeeperError):
    """Another ragkeeper is using the data folder {path}."""

    code = "data_folder_in_use"
    status = 503
    fix = "Stop it first (process {pid}), or give this one its own RAG_DATA_DIR."


class DataFolderUnusable(RagkeeperError):
    """The data folder {path} cannot be used: {reason}."""

    code = "data_folder_unusable"
    status = 503
    fix = "`ragkeeper doctor` says what is in the way; or set RAG_DATA_DIR to a folder that this user may write."
