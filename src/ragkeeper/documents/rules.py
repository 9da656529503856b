"""Decisions about documents: no I/O."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from ragkeeper.documents.models import Document, VersionStatus

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


def same_content(known: Sequence[Document], name: str, sha256: str) -> Document | None:
    """The document that makes an upload a duplicate, if any.

    A document of the same name decides alone: equal content changes nothing, other content is its next version. Only
    a name that is new may turn out to be a copy of another document.
    """
    named = [document for document in known if document.name == name]
    for document in named or known:
        if document.version.sha256 == sha256 and document.version.status is not VersionStatus.FAILED:
            return document
    return None
