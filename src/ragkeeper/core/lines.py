"""Texts of others on one line of ours: in tables, in lists of what is wrong, beside an error."""

import re

# Text of documents and models could steer a terminal; only line ends and tabs remain of its control characters.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
REASON_LENGTH = 300
"""Characters of why something is wrong that are told; the whole is in the log."""


def plain(text: object) -> str:
    """The text without characters that steer a terminal."""
    return _CONTROL.sub("", str(text))


def one_line(text: object, limit: int | None = None) -> str:
    """The text with every run of white space as one blank, cut to `limit` characters."""
    joined = " ".join(plain(text).split())
    return joined if limit is None or len(joined) <= limit else joined[: limit - 1].rstrip() + "…"
