"""What crosses HTTP about documents."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ragkeeper.documents.models import (
    Chunk,
    Collection,
    DeletedDocument,
    DeletionPlan,
    DeletionReceipt,
    Document,
    Problem,
    Scalar,
    Selection,
    VersionStatus,
)
from ragkeeper.documents.rules import require_metadata, require_title


def _checked_title(title: str) -> str:
    require_title(title)
    return title


def _checked_metadata(metadata: dict[str, Scalar]) -> dict[str, Scalar]:
    require_metadata(metadata)
    return metadata


_SAMPLE = 100
TITLE_LIMITS = "At most 1,000 characters."
METADATA_LIMITS = (
    "Plain values: at most 64 fields, names of 100 characters, texts of 1,000, finite numbers, whole ones of 64 bits."
)
# Beyond these limits DescriptionInvalid is raised: it has a code of its own, so pydantic does not collect it.
Title = Annotated[str, AfterValidator(_checked_title), Field(description=TITLE_LIMITS)]
Metadata = Annotated[dict[str, Scalar], AfterValidator(_checked_metadata), Field(description=METADATA_LIMITS)]


class CollectionBody(BaseModel):
    name: str = Field(min_length=1, max_length=200, pattern=r"^[\w.-]+( [\w.-]+)*$")
    description: str = Field("", max_length=10_000)


class CollectionView(BaseModel):
    id: str
    name: str
    description: str
    created_at: datetime

    @classmethod
    def of(cls, collection: Collection) -> Self:
        return cls(
            id=collection.id,
            name=collection.name,
            description=collection.description,
            created_at=collection.created_at,
        )


class ProblemView(BaseModel):
    code: str
    message: str
    fix: str

    @classmethod
    def of(cls, problem: Problem) -> Self:
        return cls(code=problem.code, message=problem.message, fix=problem.fix)


class VersionView(BaseModel):
    """`status`: accepted, parsing, indexing, searchable (by words), ready (by meaning too) or failed."""

    id: str
    number: int
    status: str
    error: ProblemView | None
    warnings: list[dict[str, Any]]
    properties: dict[str, str]
    sha256: str
    size: int
    filename: str
    media_type: str | None
    pages: int | None
    characters: int | None
    created_at: datetime
    searchable_at: datetime | None
    ready_at: datetime | None


class DocumentView(BaseModel):
    """`version` is the newest one; searches see `current_version`, the newest that could be read."""

    id: str
    collection: str
    name: str
    title: str
    metadata: dict[str, str | int | float | bool]
    status: str
    current_version: str | None
    created_at: datetime
    updated_at: datetime
    version: VersionView

    @classmethod
    def of(cls, document: Document) -> Self:
        version = document.version
        return cls(
            id=document.id,
            collection=document.collection,
            name=document.name,
            title=document.title,
            metadata=dict(document.metadata),
            status=version.status.value,
            current_version=document.current_version_id,
            created_at=document.created_at,
            updated_at=document.updated_at,
            version=VersionView(
                id=version.id,
                number=version.number,
                status=version.status.value,
                error=ProblemView.of(version.problem) if version.problem else None,
                warnings=version.warnings,
                properties=version.properties,
                sha256=version.sha256,
                size=version.size,
                filename=version.filename,
                media_type=version.media_type,
                pages=version.pages,
                characters=version.characters,
                created_at=version.created_at,
                searchable_at=version.searchable_at,
                ready_at=version.ready_at,
            ),
        )


class ContentView(BaseModel):
    """The text that chunks and citations point into; offsets count its characters."""

    document_id: str
    version: str
    title: str
    text: str


class ChunkView(BaseModel):
    id: int
    ordinal: int
    start: int
    end: int
    page: int | None
    page_end: int | None
    tokens: int
    headings: list[str]
    text: str

    @classmethod
    def of(cls, chunk: Chunk) -> Self:
        return cls(
            id=chunk.id,
            ordinal=chunk.ordinal,
            start=chunk.start,
            end=chunk.end,
            page=chunk.page,
            page_end=chunk.page_end,
            tokens=chunk.tokens,
            headings=list(chunk.headings),
            text=chunk.text,
        )


class FilterBody(BaseModel):
    """Every condition that is given must apply."""

    model_config = ConfigDict(extra="forbid")

    collection: str | None = Field(default=None, min_length=1)
    status: VersionStatus | None = Field(default=None, description="Of the newest version.")
    name_prefix: str | None = Field(default=None, min_length=1, max_length=1000, description="How the name begins.")
    added_before: datetime | None = Field(default=None, description="With a time zone, or UTC.")
    metadata: Metadata = Field(default={}, description="Fields that must be equal.")


class DeletionBody(BaseModel):
    """Either ids or a filter."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Annotated[str, Field(max_length=100)]] = Field([], max_length=10_000)
    filter: FilterBody | None = None
    dry_run: bool = Field(False, description="Say what would be deleted, and change nothing.")

    def selection(self) -> Selection:
        given = self.filter or FilterBody()
        before = given.added_before
        return Selection(
            ids=tuple(self.ids),
            collection=given.collection,
            status=given.status,
            name_prefix=given.name_prefix,
            added_before=before if before is None or before.tzinfo else before.replace(tzinfo=UTC),
            metadata=given.metadata,
        )


class DeletedDocumentView(BaseModel):
    """`contents`: SHA-256 of each original that it had."""

    document_id: str
    collection: str
    name: str
    versions: int
    chunks: int
    contents: list[str]

    @classmethod
    def of(cls, document: DeletedDocument) -> Self:
        return cls(
            document_id=document.document_id,
            collection=document.collection,
            name=document.name,
            versions=document.versions,
            chunks=document.chunks,
            contents=list(document.contents),
        )


class DeletionReceiptView(BaseModel):
    """What was removed, when and by whom; the index follows within a moment, and shows none of it meanwhile.

    `documents`: how many; `sample`: the first hundred; `GET /api/v1/deletions/{id}/documents` lists all.
    """

    id: str
    deleted_at: datetime
    deleted_by: str
    documents: int
    versions: int
    chunks: int
    originals_removed: int
    sample: list[DeletedDocumentView]

    @classmethod
    def of(cls, receipt: DeletionReceipt) -> Self:
        return cls(
            id=receipt.id,
            deleted_at=receipt.deleted_at,
            deleted_by=receipt.deleted_by,
            versions=receipt.versions,
            chunks=receipt.chunks,
            originals_removed=receipt.originals_removed,
            documents=receipt.documents,
            sample=[DeletedDocumentView.of(one) for one in receipt.sample],
        )


class DeletableView(BaseModel):
    id: str
    collection: str
    name: str
    title: str


class DeletionView(BaseModel):
    """`documents`: how many; `sample`: the first hundred of them; `unknown`: ids that name none which you may see.

    `planned_at`: send it as `added_before`, and what is added after a dry run stays. `receipt` is null after a dry run.
    """

    documents: int
    planned_at: datetime
    sample: list[DeletableView]
    unknown: list[str]
    receipt: DeletionReceiptView | None

    @classmethod
    def of(cls, plan: DeletionPlan, receipt: DeletionReceipt | None) -> Self:
        sample = [
            DeletableView(id=one.id, collection=one.collection, name=one.name, title=one.title)
            for one in plan.documents[:_SAMPLE]
        ]
        return cls(
            documents=len(plan.documents),
            planned_at=plan.planned_at,
            sample=sample,
            unknown=list(plan.unknown),
            receipt=DeletionReceiptView.of(receipt) if receipt else None,
        )
