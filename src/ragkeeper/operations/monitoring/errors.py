"""How an export can fail."""

from ragkeeper.core.errors import RagkeeperError


class ForeignFiles(RagkeeperError):
    """{folder} holds files that this command did not write or that were changed since: {files}."""

    code = "monitoring_foreign_files"
    status = 409
    fix = "Name another folder, move them away, or add --replace: they are kept beside it then, ending in `.before`."


class FolderUnusable(RagkeeperError):
    """The folder {folder} cannot be written: {reason}."""

    code = "monitoring_folder_unusable"
    status = 422
    fix = "Name a folder on a local file system that this user may write, in a folder where it may make others."


class MailUnusable(RagkeeperError):
    """RAG_SMTP_URL cannot be used: {reason}."""

    code = "setting_smtp_url"
    status = 422
    fix = "Write it as smtp://user:password@host:587, or smtps://… where TLS begins at once."
