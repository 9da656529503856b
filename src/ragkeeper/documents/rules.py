"""Decisions about documents: no I/O."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from ragkeeper.documents.errors import DescriptionInvalid
from ragkeeper.documents.models import BROKEN_OFF, BROUGHT_BY, Document, Scalar, Version

_LONGEST_NAME = 1000
# Uploads are few at any one moment, so a crash leaves few originals behind.
_MOST_LEFT = 10
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_LONGEST_TITLE = 1000
_MOST_FIELDS = 64
_LONGEST_FIELD = 100
_LONGEST_VALUE = 1000
_LARGEST_WHOLE = 2**63  # what databases and indexes count to


def title_from_name(name: str) -> str:
    """A readable title until the file tells its own: the last part of the name without its ending."""
    last = PurePosixPath(name).name
    return PurePosixPath(last).stem.replace("_", " ").strip() or last or name


def clean_name(name: str) -> str:
    """A document's name from a client's file name: forward slashes, no control characters, no way up the tree."""
    readable = "".join(character for character in name.replace("\\", "/") if character.isprintable())
    parts = [part for part in readable.split("/") if part not in {"", ".", ".."}]
    return "/".join(parts)[-_LONGEST_NAME:]


def require_title(title: str) -> None:
    """Raises DescriptionInvalid for a title that is too long or cannot be stored."""
    _require_text("title", title, _LONGEST_TITLE)


def require_metadata(metadata: Mapping[str, Scalar]) -> None:
    """Raises DescriptionInvalid for metadata beyond what documents and their index entries can carry."""
    if len(metadata) > _MOST_FIELDS:
        raise DescriptionInvalid(field="metadata", reason=f"it has {len(metadata)} fields, and {_MOST_FIELDS} fit")
    for name, value in metadata.items():
        _require_text("metadata", name, _LONGEST_FIELD)
        if isinstance(value, str):
            _require_text("metadata", value, _LONGEST_VALUE)
        elif not (abs(value) < _LARGEST_WHOLE if isinstance(value, int) else math.isfinite(value)):
            raise DescriptionInvalid(field="metadata", reason=f"the number of {name[:50]} cannot be stored")


def are_leftovers(n_unused: int, n_used: int) -> bool:
    """Whether originals that no version names are few enough to come from crashes, and not from a lost database."""
    return n_unused <= max(_MOST_LEFT, n_used // 10) and n_used > 0


def has_metadata(metadata: Mapping[str, Scalar], wanted: Mapping[str, Scalar]) -> bool:
    """Whether every wanted field is there with an equal value of the same kind: True is not 1, and 1 is 1.0."""
    return all(
        name in metadata and metadata[name] == value and isinstance(metadata[name], bool) is isinstance(value, bool)
        for name, value in wanted.items()
    )


def _require_text(field: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise DescriptionInvalid(field=field, reason=f"a text has {len(text)} characters, and {longest} fit")
    if _UNSTORABLE.search(text):
        raise DescriptionInvalid(field=field, reason="a text holds NUL or half a character")


class Shelf:
    """The documents that a group of uploads may meet, and what the group adds to them."""

    def __init__(self, known: Sequence[Document]) -> None:
        self.new_documents: list[Document] = []
        self.changed_documents: list[Document] = []
        self.new_versions: list[Version] = []
        self._by_name = {(document.collection_id, document.name): document for document in known}

    def named(self, collection_id: str, name: str) -> Document | None:
        return self._by_name.get((collection_id, name))

    def duplicate(self, collection_id: str, name: str, sha256: str, title: str | None) -> Document | None:
        """The document that makes an upload a duplicate, if any.

        A document of the same name decides alone: equal content under an equal title changes nothing, any other is its
        next version. Only a name that is new may turn out to be a copy of another document, and not of one that a
        source has brought: that one goes when the source loses it.
        """
        named = self.named(collection_id, name)
        if named and title and title != named.version.title:
            return None
        others = (one for one in self._by_name.values() if BROUGHT_BY not in one.metadata)
        for document in [named] if named else others:
            same = document.collection_id == collection_id and document.version.sha256 == sha256
            if same and document.version.status not in BROKEN_OFF:
                return document
        return None

    def describe(self, document: Document) -> None:
        """Take in a document whose metadata alone has changed."""
        self._by_name[document.collection_id, document.name] = document
        self.changed_documents.append(document)

    def put(self, document: Document, *, is_new: bool) -> None:
        """Take in a document with a new version, so that the uploads after it meet it."""
        self._by_name[document.collection_id, document.name] = document
        (self.new_documents if is_new else self.changed_documents).append(document)
        self.new_versions.append(document.version)
