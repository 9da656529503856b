"""How upgrades fail."""

from ragkeeper.core.errors import RagkeeperError


class RevisionUnknown(RagkeeperError):
    """No migration of this program leads to {revision}."""

    code = "revision_unknown"
    status = 404
    fix = "Leave the revision out to reach the newest one; `ragkeeper db current` shows where the database is."
