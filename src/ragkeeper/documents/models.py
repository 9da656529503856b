"""What a document is, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Scalar = str | int | float | bool


class VersionStatus(StrEnum):
    """How far a version has come."""

    ACCEPTED = "accepted"  # stored, waiting for its turn
    PARSING = "parsing"
    INDEXING = "indexing"  # parsed and current; its words are on their way into the index
    SEARCHABLE = "searchable"  # found by its words; vectors follow
    READY = "ready"
    FAILED = "failed"
    REPLACED = "replaced"  # a newer version of the document is current


@dataclass(frozen=True, slots=True)
class Collection:
    id: str
    name: str
    description: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a version failed: a stable code, one sentence, and what to do."""

    code: str
    message: str
    fix: str


@dataclass(frozen=True, slots=True)
class Version:
    """One content of a document.

    sha256 names the original; title is what its uploader called it, if anything; warnings are {code, message, page}.
    """

    id: str
    document_id: str
    number: int
    sha256: str
    size: int
    filename: str
    title: str | None
    media_type: str | None
    status: VersionStatus
    attempts: int
    problem: Problem | None
    warnings: list[dict[str, object]]
    properties: dict[str, str]
    pages: int | None
    characters: int | None
    created_at: datetime
    searchable_at: datetime | None
    ready_at: datetime | None


@dataclass(frozen=True, slots=True)
class Document:
    """What a user added. `version` is its newest, `current_version_id` the one that searches see."""

    id: str
    collection_id: str
    collection: str
    user_id: str
    name: str
    title: str
    metadata: Mapping[str, Scalar]
    current_version_id: str | None
    created_at: datetime
    updated_at: datetime
    version: Version


@dataclass(frozen=True, slots=True)
class Chunk:
    """A span of a version's text; `start` and `end` are characters into it, pages count from 1."""

    id: int
    ordinal: int
    start: int
    end: int
    page: int | None
    page_end: int | None
    tokens: int
    headings: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class DeletionReceipt:
    """What a deletion removed, when and by whom. An original that another document shares is not removed."""

    document_id: str
    title: str
    versions: int
    chunks: int
    originals_removed: int
    deleted_at: datetime
    deleted_by: str
