"""Counts what is logged as an error, by its code, as it is logged: no line of a log need be read and matched later.

One for the process, as its log is: `telemetry` lets every record pass through it.
"""

import re
import threading
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from ragkeeper.core.clock import Clock, utc_now

OTHER: Final = "other"
"""Stands for the codes of an hour beyond the most that are told apart."""

_MOST_CODES = 100
_MOST_HOURS = 48
_LONGEST = 80
_SEVERE = frozenset({"error", "critical", "exception", "fatal"})
_NOT_OF_A_CODE = re.compile(r"[^a-z0-9_.]+")


@dataclass(frozen=True, slots=True)
class Counted:
    """How many records of one code an hour had. hour: its beginning, UTC; first, last: of these records."""

    hour: datetime
    code: str
    count: int
    first: datetime
    last: datetime

    def with_(self, other: "Counted") -> "Counted":
        first, last = min(self.first, other.first), max(self.last, other.last)
        return replace(self, count=self.count + other.count, first=first, last=last)


class ErrorTally:
    """A structlog processor. May be used from any thread."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counted: dict[tuple[datetime, str], Counted] = {}

    def __call__(self, _logger: Any, method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if method in _SEVERE:
            self.count(str(record.get("code") or record.get("event") or OTHER))
        return record

    def count(self, code: str) -> None:
        now = self._clock()
        hour = now.replace(minute=0, second=0, microsecond=0)
        self.add([Counted(hour, as_code(code), 1, now, now)])

    def add(self, counted: Iterable[Counted]) -> None:
        """Also gives back what was taken and could not be stored."""
        with self._lock:
            for one in counted:
                self._add(one)

    @property
    def counted(self) -> list[Counted]:
        """What was counted and not taken."""
        with self._lock:
            return list(self._counted.values())

    def take(self) -> list[Counted]:
        """All that was counted since it was last taken."""
        with self._lock:
            taken, self._counted = list(self._counted.values()), {}
        return taken

    def _add(self, one: Counted) -> None:
        codes = sum(hour == one.hour for hour, _ in self._counted)
        known = self._counted.get((one.hour, one.code))
        if known is None and codes >= _MOST_CODES:
            one = replace(one, code=OTHER)
            known = self._counted.get((one.hour, OTHER))
        self._counted[one.hour, one.code] = known.with_(one) if known else one
        if len({hour for hour, _ in self._counted}) > _MOST_HOURS:
            oldest = min(hour for hour, _ in self._counted)
            self._counted = {key: value for key, value in self._counted.items() if key[0] != oldest}


def as_code(text: str) -> str:
    """A stable code as it is; a sentence that a library logs, as one."""
    return _NOT_OF_A_CODE.sub("_", text.lower()).strip("_")[:_LONGEST] or OTHER


ERRORS: Final = ErrorTally()
"""What this process has logged as errors."""
