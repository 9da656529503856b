"""The doctor's checks where they come unasked: before a start, at every start, and before an upgrade.

A start is refused only where it would destroy something.
"""

from collections.abc import Sequence
from pathlib import Path

import structlog

from ragkeeper import __version__
from ragkeeper.core.checks import Check, Finding, Severity
from ragkeeper.core.clock import utc_now
from ragkeeper.core.settings import Settings
from ragkeeper.entrypoints.doctor import local_checks, truth_file
from ragkeeper.operations.doctor.ports import Patient
from ragkeeper.operations.doctor.service import examine, quick
from ragkeeper.operations.upgrade.checks import SCHEMA_OLD, room_checks
from ragkeeper.storage.files.data_folder import DataFolder
from ragkeeper.storage.sql.errors import DatabaseDamaged, DatabaseUnreadable
from ragkeeper.storage.sql.readonly import ReadOnly

_log = structlog.get_logger()
_SECONDS = 10.0
_UPGRADE_SECONDS = 120.0
# Less than all together have: that it was not enough is told by the check that reads, and says what to type.
_READ_SECONDS = 110.0
_BEFORE_UPGRADES = frozenset({"machine", "data", "database"})
_DAMAGED = ("malformed", "not a database", "corrupt")


def refuse_damaged(settings: Settings) -> None:
    """Raises DatabaseDamaged: whatever is written to such a file makes less of it recoverable."""
    path = truth_file(settings)
    if not path.is_file():
        return
    try:
        ReadOnly(path).ask("SELECT count(*) FROM sqlite_master")
    except DatabaseUnreadable as error:
        reason = str(error.fields["reason"])
        if any(word in reason for word in _DAMAGED):
            raise DatabaseDamaged(path=path, reason=reason) from error


def tell_findings(settings: Settings, folder: DataFolder) -> None:
    """What a start can find out in a moment, in the log; of notes only the doctor speaks."""
    for finding in _found(quick(local_checks(settings, folder)), _SECONDS):
        if finding.severity is not Severity.NOTE:
            _log.warning("finding", code=finding.code, finding=finding.message, fix=finding.fix)


def before_upgrade(settings: Settings) -> list[Finding]:
    """All that speaks against an upgrade, but that there is one to be done. Takes as long as reading the database."""
    folder = DataFolder(settings.data_dir.resolve())
    checks = [check for check in local_checks(settings, folder, _READ_SECONDS) if check.branch in _BEFORE_UPGRADES]
    found = _found([*checks, *room_checks(_existing(truth_file(settings)))], _UPGRADE_SECONDS)
    return [finding for finding in found if finding.severity is not Severity.NOTE and finding.code != SCHEMA_OLD.code]


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None


def _found(checks: Sequence[Check], seconds: float) -> list[Finding]:
    return examine(Patient(checks, None), __version__, utc_now, seconds).findings
