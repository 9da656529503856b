"""How long SQL statements take, and which are slow: by a name that holds no value of anybody's."""

import hashlib
import re
import threading
import time
from dataclasses import dataclass

import structlog

from ragkeeper.core.figures.holdings import SQL_SECONDS, SQL_SLOW
from ragkeeper.core.metrics import OTHER, Metrics

_log = structlog.get_logger()

SLOW_SECONDS = 0.1
"""The guides' limit for a query."""

_MOST_NAMES = 200
_LONGEST_TEXT = 2000
# A statement that is always slow is not logged each time, in seconds.
_LOGGED_EVERY = 60.0
_READS = ("select", "with", "pragma", "explain")
_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")
_LIST = re.compile(r"\(\s*\?(?:\s*,\s*\?)+\s*\)")
_TABLE = re.compile(r"\b(?:from|into|update|table)\s+\"?(\w+)", re.IGNORECASE)


@dataclass(slots=True)
class SlowStatement:
    """text: without values. seconds: of all its slow runs together."""

    name: str
    text: str
    count: int = 0
    seconds: float = 0.0
    longest: float = 0.0


class Statements:
    """May be told from any thread."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._slow: dict[str, SlowStatement] = {}
        self._logged: dict[str, float] = {}
        self._noting = threading.Lock()

    def took(self, statement: str, seconds: float) -> None:
        kind = "read" if statement.lstrip()[:7].lower().startswith(_READS) else "write"
        self._metrics.observe(SQL_SECONDS, seconds, kind=kind)
        if seconds > SLOW_SECONDS:
            self._note(statement, seconds)

    def slowest(self, most: int = 10) -> list[SlowStatement]:
        """Those that were slow since the server began, by the time they took together."""
        with self._noting:
            return sorted(self._slow.values(), key=lambda one: -one.seconds)[:most]

    def _note(self, statement: str, seconds: float) -> None:
        text = without_values(statement)
        name = name_of(text)
        with self._noting:
            if name not in self._slow and len(self._slow) >= _MOST_NAMES:
                name, text = OTHER, ""
            known = self._slow.setdefault(name, SlowStatement(name, text))
            known.count += 1
            known.seconds += seconds
            known.longest = max(known.longest, seconds)
            is_new = time.monotonic() - self._logged.get(name, -_LOGGED_EVERY) >= _LOGGED_EVERY
            if is_new:
                self._logged[name] = time.monotonic()
        self._metrics.count(SQL_SLOW, statement=name)
        if is_new:
            _log.warning("slow_statement", name=name, seconds=round(seconds, 3), statement=text)


def without_values(statement: str) -> str:
    """One line with `?` for every value; lists of any length are the same."""
    text = _LITERAL.sub("?", " ".join(statement.split()))
    return _LIST.sub("(?, …)", text)[:_LONGEST_TEXT]


def name_of(text: str) -> str:
    """Such as `select versions 1f2e3d4c`: what a person recognises, and what tells it from others of its kind."""
    verb = text.partition(" ")[0].lower() or "empty"
    table = _TABLE.search(text)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return " ".join([verb, *([table[1].lower()] if table else []), digest])
