"""What the commands about upgrades need of the storage."""

from collections.abc import Sequence
from typing import Protocol

from ragkeeper.core.checks import Finding
from ragkeeper.operations.upgrade.models import SchemaState


class Schema(Protocol):
    """Works without a server, on the database that the settings name."""

    def preflight(self) -> Sequence[Finding]:
        """What speaks against an upgrade now; looks at everything and changes nothing."""

    def current(self) -> SchemaState:
        """Changes nothing; needs no lock, so it may run beside a server."""

    def upgrade(self, revision: str) -> SchemaState:
        """Migrate to `revision` (`head` for the newest); returns the state reached.

        Raises RevisionUnknown, and DataFolderInUse while a server owns the folder.
        """
