"""Whether somebody holds the server to less than it can do, as the database remembers it."""

import json
from collections.abc import Iterator
from datetime import datetime

from ragkeeper.core.checks import Check, Finding, Kind, Severity
from ragkeeper.core.clock import Clock
from ragkeeper.storage.sql.readonly import ReadOnly

FORCED = Kind(
    "degradation_forced",
    Severity.WARNING,
    "The step {step} is forced by {by} until {until}",
    "The server does less than it could, and goes on so until then.",
    "ragkeeper degrade --auto",
)


def degradation_checks(truth: ReadOnly, clock: Clock) -> list[Check]:
    def look() -> Iterator[Finding]:
        for (value,) in truth.rows("SELECT value FROM settings WHERE name = 'forced_degradation'"):
            forced = json.loads(value)
            if forced and datetime.fromisoformat(forced["until"]) > clock():
                yield FORCED.found({name: forced[name] for name in ("step", "by", "until")})

    return [Check("operations", "forced step", lambda: list(look()), quick=True)]
