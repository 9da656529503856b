"""What a document is, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

Scalar = str | int | float | bool


class VersionStatus(StrEnum):
    """How far a version has come."""

    ACCEPTED = "accepted"  # stored, waiting for its turn
    PARSING = "parsing"
    INDEXING = "indexing"  # parsed and current; its words are on their way into the index
    SEARCHABLE = "searchable"  # found by its words; vectors follow
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"  # broken off by somebody
    REPLACED = "replaced"  # a newer version of the document is current


BROKEN_OFF = frozenset({VersionStatus.FAILED, VersionStatus.CANCELLED})
"""Where a version stays until somebody tries it again."""


class Priority(IntEnum):
    """Which waiting versions are read first; the smaller goes before."""

    PERSON = 0  # somebody added it and waits for it
    BULK = 1  # one of many


BROUGHT_BY = "source"
"""The metadata field that names the source which keeps a document."""


@dataclass(frozen=True, slots=True)
class Collection:
    id: str
    name: str
    description: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something failed: a stable code, one sentence, and what to do."""

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
    priority: Priority = Priority.PERSON


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
class Selection:
    """Documents to delete: those with the ids, or else those to which every condition applies.

    name_prefix: how the name begins, a folder for instance. metadata: fields that must be equal.
    """

    ids: tuple[str, ...] = ()
    collection: str | None = None
    status: VersionStatus | None = None
    name_prefix: str | None = None
    added_before: datetime | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def has_conditions(self) -> bool:
        given = (self.collection, self.status, self.name_prefix, self.added_before)
        return bool(self.metadata) or any(one not in (None, "") for one in given)

    @property
    def names_something(self) -> bool:
        """Either ids or conditions: neither would mean everything, both leave open what is meant."""
        return bool(self.ids) is not self.has_conditions


@dataclass(frozen=True, slots=True)
class Deletable:
    """A document that a selection names."""

    id: str
    collection_id: str
    collection: str
    name: str
    title: str
    metadata: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """unknown: ids that name no document which the caller may see; planned_at: when this was looked up."""

    documents: tuple[Deletable, ...]
    unknown: tuple[str, ...]
    planned_at: datetime


@dataclass(frozen=True, slots=True)
class DeletedDocument:
    """contents: hashes of its originals."""

    document_id: str
    collection: str
    name: str
    versions: int
    chunks: int
    contents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeletionReceipt:
    """What a deletion removed, when and by whom. An original that another document shares is not removed.

    documents, versions, chunks: how many; sample: the first of the documents.
    """

    id: str
    deleted_at: datetime
    deleted_by: str
    documents: int
    versions: int
    chunks: int
    originals_removed: int
    sample: tuple[DeletedDocument, ...]
