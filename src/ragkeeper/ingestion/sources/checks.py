"""Whether sources can be read."""

import json
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from ragkeeper.core.checks import Check, Finding, Kind, Severity
from ragkeeper.storage.sql.readonly import ReadOnly

SOURCE_FAILING = Kind(
    "source_failing",
    Severity.WARNING,
    "The last run of the source {name} failed: {reason}",
    "What changed there since is not found.",
    "ragkeeper sources show {typed}",
)
SOURCE_FOLDER_GONE = Kind(
    "source_folder_missing",
    Severity.WARNING,
    "The folder of the source {name} is not there: {path}",
    "Its next run fails; its documents stay as they are.",
    "ls -ld {path} && ragkeeper sources sync {typed} --dry-run",
)


def source_checks(truth: ReadOnly) -> list[Check]:
    return [
        Check("documents", "sources", lambda: list(_failing(truth)), quick=True),
        Check("documents", "source folders", lambda: list(_gone(truth))),
    ]


def _failing(truth: ReadOnly) -> Iterator[Finding]:
    for name, last in truth.rows("SELECT name, last_run FROM sources WHERE last_run IS NOT NULL AND NOT paused"):
        problem = (json.loads(last) or {}).get("problem")
        if problem:
            yield SOURCE_FAILING.found(
                {"name": name, "code": problem["code"], "reason": problem["message"]}, typed=quote(name)
            )


def _gone(truth: ReadOnly) -> Iterator[Finding]:
    for name, location in truth.rows("SELECT name, location FROM sources WHERE kind = 'folder' AND NOT paused"):
        if not Path(location).is_dir():
            yield SOURCE_FOLDER_GONE.found({"name": name, "path": location}, typed=quote(name))
