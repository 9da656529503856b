"""Decisions about sources: no I/O."""

import hashlib
import re
from collections.abc import Collection, Mapping

from ragkeeper.ingestion.sources.connectors.port import Found, Unreadable
from ragkeeper.ingestion.sources.errors import SourceShrank
from ragkeeper.ingestion.sources.models import Change, Item

DEFAULT_MOST_REMOVED = 0.3
"""Share of a source's documents that may go in one run."""

# Fewer documents than this may go together: a share of a handful says little.
_FEW = 10
_LONGEST_KEY = 2000
_LONGEST_TITLE = 1000
_DIGEST = 32
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def stored_key(key: str) -> str:
    """The key as it is kept: too long ones are cut and told apart by a hash."""
    if len(key) <= _LONGEST_KEY and not _UNSTORABLE.search(key):
        return key
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{_UNSTORABLE.sub('?', key)[: _LONGEST_KEY - _DIGEST - 1]}~{digest}"


def stored_title(title: str | None) -> str | None:
    return _UNSTORABLE.sub(" ", title)[:_LONGEST_TITLE].strip() or None if title else None


def known_fingerprints(known: Mapping[str, Item]) -> dict[str, str]:
    """What a connector is told. An item that was never taken in is new to it."""
    return {key: item.fingerprint for key, item in known.items() if item.was_taken_in}


def change_of(known: Item | None, seen: Found | Unreadable) -> Change:
    """What a look at an item means; `known`: None when it was not there before.

    A document that somebody deleted by hand is no matter: its item is unchanged, so it stays deleted until it changes.
    """
    if isinstance(seen, Unreadable):
        return Change.FAIL
    if known is None or not known.was_taken_in:
        return Change.ADD
    return Change.UNCHANGED if seen.fingerprint == known.fingerprint else Change.UPDATE


def gone(known: Mapping[str, Item], seen: Collection[str]) -> tuple[str, ...]:
    """Keys that are no longer there, after a scan that came to its end."""
    return tuple(key for key in known if key not in seen)


def require_plausible(
    name: str, known: Mapping[str, Item], seen: Collection[str], *, most_removed: float, allowed: bool
) -> None:
    """Raises SourceShrank when so much is gone that a fault of the source is likelier than a wish.

    most_removed: share of what there was, 0 to 1. An empty source that held something is never believed by itself.
    """
    had = [key for key, item in known.items() if item.was_taken_in]
    n_gone = sum(key not in seen for key in had)
    if allowed or not n_gone:
        return
    if not seen or (len(had) >= _FEW and n_gone > most_removed * len(had)):
        raise SourceShrank(name=name, gone=n_gone, had=len(had))


def document_name(source: str, item: str) -> str:
    """What the document of an item is called."""
    return f"{source}/{item}"


def failed(known: Item | None, key: str, error: Unreadable) -> Item:
    """The item after a failure: what was taken in before stays."""
    before = known or Item(key, "")
    return Item(key, before.fingerprint, before.document_id, error.code, error.message)
