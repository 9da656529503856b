"""Takes out of texts and records whatever must not leave this machine."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from shlex import quote
from typing import Any

from ragkeeper.core.redaction import without_secrets
from ragkeeper.operations.doctor.names import Names

REMOVED = "[removed]"
_SHORTEST_SECRET = 6
_SHORTEST_NAME = 4

# Of persons, which a log of one's own may name and an archive for somebody else may not.
_MAIL_ADDRESS = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
# Fields of a log record that say what happened and nothing of whose content it happened to.
_TOLD = frozenset(
    {
        "timestamp",
        "level",
        "event",
        "code",
        "logger",
        "component",
        "state",
        "status",
        "method",
        "route",
        "part",
        "kind",
        "loop",
    }
    | {"step", "request_id", "trace_id", "span_id", "job", "worker", "generation", "model", "provider", "version"}
    | {"operation", "stage", "outcome", "from", "to", "check", "answers", "mode", "pid"}
)
_PLAIN = re.compile(r"[\w .:/,()\[\]{}<>=+-]{1,120}")
_FRAME = re.compile(r'^\s*(File "[^"]+", line \d+, in \S+|[\w.]+(?:Error|Exception|Warning|Interrupt))', re.MULTILINE)
_STACKS = frozenset({"exception", "stack"})


# What the program itself made has these shapes: no name and no address can be in it, a known secret may.
_MADE = {
    "timestamp": re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"),
    "level": re.compile(r"debug|info|warning|error|critical"),
    "request_id": re.compile(r"[0-9a-f]{32}"),
    "trace_id": re.compile(r"[0-9a-f]{32}"),
    "span_id": re.compile(r"[0-9a-f]{16}"),
}
_REMEMBERED = 20_000


class Scrubber:
    """secrets: their very text is removed wherever it stands; private: so are these, with the word beside them.

    `count`: how often something was removed so far.
    """

    def __init__(self, secrets: Iterable[str], private: Iterable[str] = ()) -> None:
        texts = {text for text in secrets if len(text) >= _SHORTEST_SECRET}
        self._secrets = Names(texts, _SHORTEST_SECRET)
        names = {text.strip() for text in private}
        # What is to be typed has names as a shell takes them.
        typed = {quote(name)[1:-1] for name in names if "'" in name}
        self._all = Names({*texts, *names, *typed}, _SHORTEST_NAME)
        # Short values of records are mostly the same few.
        self._short = lru_cache(_REMEMBERED)(self._scrubbed)
        self.count = 0

    def text(self, text: str) -> str:
        return self._counted(self._scrubbed(text))

    def value(self, value: Any) -> Any:
        """The same with every text in it, names of fields included, gone through."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.value(one) for name, one in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, bytes):
            return [self.value(one) for one in value]
        return value

    def record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Of a log record: fields that are known to be harmless, figures, and where in the program it happened."""
        return {name: self._field(name, value) for name, value in record.items()}

    def _field(self, name: str, value: Any) -> Any:
        if isinstance(value, bool | int | float) or value is None:
            return value
        if name in _STACKS:
            return [self.text(found) for found in _FRAME.findall(str(value))]
        if name in _TOLD and isinstance(value, str) and _PLAIN.fullmatch(value):
            if name in _MADE and _MADE[name].fullmatch(value):
                return self._counted(self._secrets.hidden(value, REMOVED))
            return self._counted(self._short(value))
        self.count += 1
        return f"[removed, {len(str(value))} characters]"

    def _counted(self, found: tuple[str, int]) -> str:
        self.count += found[1]
        return found[0]

    def _scrubbed(self, text: str) -> tuple[str, int]:
        text, n_names = self._all.hidden(text, REMOVED)
        text, n_secrets = without_secrets(text, REMOVED)
        text, n_addresses = _MAIL_ADDRESS.subn(REMOVED, text)
        return text, n_names + n_secrets + n_addresses
