"""Takes out of texts and records whatever must not leave this machine."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ragkeeper.core.redaction import without_secrets

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


class Scrubber:
    """secrets: their very text is removed wherever it stands; private: so are these, with the word beside them.

    `count`: how often something was removed so far.
    """

    def __init__(self, secrets: Iterable[str], private: Iterable[str] = ()) -> None:
        texts = {text for text in secrets if len(text) >= _SHORTEST_SECRET}
        names = {text.strip() for text in private if len(text.strip()) >= _SHORTEST_NAME}
        self._texts = sorted(texts, key=len, reverse=True)
        self._names = sorted(names, key=len, reverse=True)
        self.count = 0

    def text(self, text: str) -> str:
        for secret in (*self._texts, *self._names):
            if secret in text:
                self.count += text.count(secret)
                text = text.replace(secret, REMOVED)
        text, n_secrets = without_secrets(text, REMOVED)
        text, n_addresses = _MAIL_ADDRESS.subn(REMOVED, text)
        self.count += n_secrets + n_addresses
        return text

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
            return self.text(value)
        self.count += 1
        return f"[removed, {len(str(value))} characters]"
