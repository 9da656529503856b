"""What must not stand in a log: secrets, wherever they turn up, and texts that are longer than a record needs."""

import functools
import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

HIDDEN = "***"

_SHORTEST = 6
_LONGEST = 2000
_LONGEST_TRACE = 16_000
_DEEPEST = 4
_NAMES = re.compile(r"(?:^|[_-])(?:key|token|secret|password|passwd|authorization|cookie)s?$", re.IGNORECASE)
_SHAPES = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(\w://)[^/\s@:]*:[^/\s@]+@"), rf"\1{HIDDEN}@"),
    (
        re.compile(r"(?i)\b((?:api[_-]?)?key|token|secret|password)([\"']?\s*[=:]\s*[\"']?)[^\s\"'&,}]{6,}"),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"\b(?:rk_|sk-|gsk_)[\w-]{16,}"), HIDDEN),
)


# Whatever one of the shapes fits has one of these in it.
_HINTS = (
    r"[Bb][Ee][Aa][Rr]|[Bb][Aa][Ss][Ii][Cc]|://|[Kk][Ee][Yy]|[Tt][Oo][Kk][Ee][Nn]|[Ss][Ee][Cc][Rr]|[Pp][Aa][Ss][Ss]"
    r"|rk_|sk[-_]"
)


@functools.lru_cache(1000)
def _is_secret(name: str) -> bool:
    return _NAMES.search(name) is not None


class Redactor:
    """A structlog processor. secrets: those of the settings, which are hidden whatever they look like."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = [re.escape(one) for one in sorted(set(secrets), key=len, reverse=True) if len(one) >= _SHORTEST]
        self._known = re.compile("|".join(known)) if known else None
        self._suspect = re.compile("|".join([*known, _HINTS]))

    def __call__(self, _logger: Any, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for name, value in record.items():
            if not self._is_harmless(name, value):
                record[name] = self._value(name, value)
        return record

    def _is_harmless(self, name: str, value: Any) -> bool:
        """Most values are, and each request has a record: one look tells those that are worth more of them."""
        kind = type(value)
        if kind is int or kind is float:
            return True
        return kind is str and len(value) <= _LONGEST and not self._suspect.search(value) and not _is_secret(name)

    def text(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for shape, replacement in _SHAPES:
            text = shape.sub(replacement, text)
        return text

    def _value(self, name: str, value: Any, depth: int = 0) -> Any:
        if isinstance(value, bool | int | float) or value is None:
            return value
        if _is_secret(name):
            return HIDDEN
        if isinstance(value, Mapping) and depth < _DEEPEST:
            return {str(key): self._value(str(key), one, depth + 1) for key, one in value.items()}
        if isinstance(value, list | tuple | set | frozenset) and depth < _DEEPEST:
            return [self._value("", one, depth + 1) for one in value]
        return self._cut(self.text(str(value)), _LONGEST_TRACE if name == "exception" else _LONGEST)

    def _cut(self, text: str, most: int) -> str:
        """The end of a trace says what happened, so the middle goes."""
        if len(text) <= most:
            return text
        half = most // 2
        return f"{text[:half]} … {len(text) - most} characters … {text[-half:]}"
