"""Decisions about sources: no I/O."""

import hashlib
import re
from collections.abc import Collection, Mapping

from ragkeeper.documents.models import BROUGHT_BY, Document
from ragkeeper.ingestion.sources.connectors.port import Found, Unreadable
from ragkeeper.ingestion.sources.errors import NameForeign, NameTaken, SourceShrank
from ragkeeper.ingestion.sources.models import Change, Item

DEFAULT_MOST_REMOVED = 0.3
"""Share of a source's documents that may go in one run."""

# Of fewer documents than this, a share says little: two may go in any case, unless none may.
_FEW = 10
_OF_FEW = 2
_LONGEST_KEY = 2000
_LONGEST_NAME = 900  # of a document; a longer one would lose its beginning
_LONGEST_TITLE = 1000
_DIGEST = 32
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def stored_key(key: str) -> str:
    """The key as it is kept: too long ones are cut and told apart by a hash."""
    return key if len(key) <= _LONGEST_KEY and not _UNSTORABLE.search(key) else _cut(key, _LONGEST_KEY)


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
    if not seen or n_gone > _may_go(len(had), most_removed):
        raise SourceShrank(name=name, gone=n_gone, had=len(had))


def _may_go(had: int, share: float) -> float:
    return max(_OF_FEW, share * had) if had < _FEW and share else share * had


def stray(document_id: str) -> Item:
    """An item for a document that nobody knows the item of: one that is never there."""
    return Item(f"~{document_id}", "", document_id)


def document_name(source: str, item: str) -> str:
    """What the document of an item is called; one that is too long is cut like a key."""
    name = f"{source}/{item}"
    return name if len(name) <= _LONGEST_NAME else _cut(name, _LONGEST_NAME)


def owners(known: Mapping[str, Item]) -> dict[str, str]:
    """Document id → the key of the item that it belongs to."""
    return {item.document_id: key for key, item in known.items() if item.document_id is not None}


def require_own(named: Document | None, source: str, key: str, owned: Mapping[str, str]) -> None:
    """Whether an item may change the document that has its name already.

    That is its own one, or one that this source brought and lost sight of. owned: document ids → keys. Raises
    NameTaken for another item's document, NameForeign for one that comes from elsewhere.
    """
    if named is None or owned.get(named.id) == key:
        return
    if named.id in owned:
        raise NameTaken(name=named.name)
    if named.metadata.get(BROUGHT_BY) != source:
        raise NameForeign(name=named.name)


def failed(known: Item | None, key: str, error: Unreadable) -> Item:
    """The item after a failure: what was taken in before stays."""
    before = known or Item(key, "")
    return Item(key, before.fingerprint, before.document_id, error.code, error.message)


def _cut(text: str, longest: int) -> str:
    """Its beginning, and a hash of all of it."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{_UNSTORABLE.sub('?', text)[: longest - _DIGEST - 1]}~{digest}"
