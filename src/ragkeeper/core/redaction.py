"""What a secret looks like, told once for logs, health and support bundles; and what must not stand in a log.

That is secrets, wherever they turn up, and texts that are longer than a record needs.
"""

import functools
import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final

HIDDEN = "***"

_SHORTEST = 6
_LONGEST = 2000
_LONGEST_TRACE = 16_000
_DEEPEST = 4

# Words that name a secret: some wherever they stand in a name (`dbpassword`), others as a word of it (not `monkey`).
_WITHIN = r"(?:secret|password|passwd|passphrase|credential|token|(?:api|access|private|signing)[_-]?key)"
_APART = r"(?:key|pwd|pass|signature|sig|auth|authorization|session|cookie)"
_NAMED = rf"(?:{_WITHIN}|(?<![a-z]){_APART})(?:s|[_-]?\d+|[_-](?:id|value|old|new))?"
_NAMES = re.compile(rf"(?:{_WITHIN}|(?:^|[_-]){_APART})s?$", re.IGNORECASE)
_VALUE = r"(?:\"[^\"\n]{6,200}\"|'[^'\n]{6,200}'|(?!\[|(?:bearer|basic)\s)[^\s\"'&,;}<>]{6,})"

SECRETS: Final = (
    re.compile(r"(\w://[^/\s:@\"']*:)[^/\s@\"']+(?=@)"),
    re.compile(rf"([?&;][^=&\s\"']*(?:{_WITHIN}|{_APART})[^=&\s\"']*=)[^&\s\"'<>]+", re.IGNORECASE),
    re.compile(r"(\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}", re.IGNORECASE),
    re.compile(rf"({_NAMED}[\"']?\s*[:=]\s*){_VALUE}", re.IGNORECASE),
    re.compile(r"()\b(?:rk|sk|gsk|gh[opsu]|github_pat|glpat|xox[abprs])[_-][\w-]{12,}"),
    re.compile(r"()\bA[KS]IA[0-9A-Z]{16}\b"),
    re.compile(r"()\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    re.compile(r"()-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
)
"""What is a secret by the look of it, wherever it stands; the first group is no part of it."""

# Whatever one of them fits has one of these in it, in letters of either case.
_HINTS: Final = (
    *("secr", "pass", "cred", "tok", "key", "pwd", "sig", "auth", "sess", "cook", "bear", "basi", "://"),
    *("rk_", "rk-", "sk_", "sk-", "gho_", "ghp_", "ghs_", "ghu_", "gho-", "ghp-", "ghs-", "ghu-"),
    *("github_pat", "glpat", "xox", "akia", "asia", "eyj", "-----begin"),
)


def without_secrets(text: str, mark: str = HIDDEN) -> tuple[str, int]:
    """The text with whatever looks like a secret hidden behind `mark`, and how often that was so."""
    count = 0
    for shape in SECRETS:
        text, n_found = shape.subn(rf"\1{mark}", text)
        count += n_found
    return text, count


@functools.lru_cache(1000)
def _is_secret(name: str) -> bool:
    return _NAMES.search(name) is not None


@functools.lru_cache(1000)
def _any_is_secret(names: tuple[str, ...]) -> bool:
    return any(_is_secret(name) for name in names)


class Redactor:
    """A structlog processor. secrets: those of the settings, which are hidden whatever they look like."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = sorted({one for one in secrets if len(one) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, self._secrets))) if self._secrets else None

    def __call__(self, _logger: Any, _method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if not self._is_harmless(record):
            for name, value in record.items():
                record[name] = self._value(name, value)
        return record

    def _is_harmless(self, record: Mapping[str, Any]) -> bool:
        """Most records are, and each request has one: a quick look tells those that are worth a longer one."""
        texts = []
        for value in record.values():
            kind = type(value)
            if kind is str:
                texts.append(value)
            elif kind is not int and kind is not float:
                return False
        text = "\n".join(texts)
        if len(text) > _LONGEST or _any_is_secret(tuple(record)) or any(secret in text for secret in self._secrets):
            return False
        lowered = text.lower()
        return not any(hint in lowered for hint in _HINTS)

    def text(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        return without_secrets(text)[0]

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
