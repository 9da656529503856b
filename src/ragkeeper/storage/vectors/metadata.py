"""Metadata fields as tags, one string each: a single keyword index serves every field name and kind of value."""

import math
from collections.abc import Mapping
from typing import Final

from ragkeeper.storage.vectors.port import MetadataValue

_SEPARATOR: Final = "\x1f"


def tag(name: str, value: MetadataValue) -> str | None:
    """Equal for equal values of one kind (text, number, yes/no); None for NaN and infinity: they equal nothing."""
    match value:
        case bool():
            kind, text = "b", str(value)
        case int():
            kind, text = "n", str(value)
        case float():
            if not math.isfinite(value):
                return None
            kind, text = "n", str(int(value)) if value.is_integer() else repr(value)
        case str():
            kind, text = "s", value
    joined = _SEPARATOR.join((name, kind, text))
    return joined.encode("utf-8", "replace").decode()


def tags(metadata: Mapping[str, MetadataValue]) -> list[str]:
    found = (tag(name, value) for name, value in metadata.items())
    return [one for one in found if one is not None]
