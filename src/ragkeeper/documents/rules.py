"""Decisions about documents: no I/O."""

from pathlib import PurePosixPath

_LONGEST_NAME = 1000


def title_from_name(name: str) -> str:
    """A readable title until the file tells its own: the last part of the name without its ending."""
    last = PurePosixPath(name).name
    return PurePosixPath(last).stem.replace("_", " ").strip() or last or name


def clean_name(name: str) -> str:
    """A document's name from a client's file name: forward slashes, no control characters, no way up the tree."""
    readable = "".join(character for character in name.replace("\\", "/") if character.isprintable())
    parts = [part for part in readable.split("/") if part not in {"", ".", ".."}]
    return "/".join(parts)[-_LONGEST_NAME:]
