"""How upgrades fail."""

from ragkeeper.core.errors import RagkeeperError


class UpgradeRefused(RagkeeperError):
    """Nothing was changed, because of: {codes}."""

    code = "upgrade_refused"
    status = 503
    fix = "Mend that first: `ragkeeper doctor` says how."


class RevisionUnknown(RagkeeperError):
    """No migration of this program leads to {revision}."""

    code = "revision_unknown"
    status = 404
    fix = "Leave the revision out to reach the newest one; `ragkeeper db current` shows where the database is."
