"""YAML as people read it, of plain data: https://yaml.org/spec/1.2.2/. A JSON string is a YAML string."""

import json
import re
from collections.abc import Iterator

# What YAML takes for nothing but a text, without quotes.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./ -]*(?<! )|\d+(?:ms|[smhdwy])")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def to_yaml(value: dict[str, object]) -> str:
    return "\n".join(_lines(value, 0)) + "\n"


def _lines(value: object, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _entry(f"{indent}{name}:", below, depth)
    elif isinstance(value, list):
        for below in value:
            first, *more = _lines(below, depth + 1)
            yield f"{indent}- {first.lstrip()}"
            yield from more
    else:
        yield f"{indent}{_scalar(value)}"


def _entry(head: str, value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str) and "\n" in value:
        yield f"{head} |-"
        yield from ("  " * (depth + 1) + line for line in value.split("\n"))
    elif isinstance(value, dict | list) and value:
        yield head
        yield from _lines(value, depth + 1)
    else:
        yield f"{head} {_scalar(value)}"


def _scalar(value: object) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, str) and ('"' in value or "\\" in value) and value.isprintable():
        return "'" + value.replace("'", "''") + "'"  # what a JSON string would have to escape
    return json.dumps(value, ensure_ascii=False)
