"""What crosses HTTP about uploads."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from ragkeeper.documents.schemas import Metadata, Title
from ragkeeper.documents.service import DEFAULT_COLLECTION
from ragkeeper.ingestion.models import Accepted

BULK = "One of many: it is read after what people add one by one."


class TextBody(BaseModel):
    """A text instead of a file. `name` makes it the next version of the document of that name."""

    model_config = ConfigDict(extra="forbid")

    text: str
    title: Title | None = None
    name: str | None = Field(None, min_length=1, max_length=1000)
    collection: str = DEFAULT_COLLECTION
    metadata: Metadata = Field(default_factory=dict)
    bulk: bool = Field(default=False, description=BULK)


class UrlBody(BaseModel):
    """A page of the web: it is fetched once. The same address again makes its next version."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=2000)
    title: Title | None = None
    collection: str = DEFAULT_COLLECTION
    metadata: Metadata = Field(default_factory=dict)
    bulk: bool = Field(default=False, description=BULK)


class AcceptedView(BaseModel):
    """`job_id` is the version's id: `GET /api/v1/documents/{id}` shows how far it is."""

    id: str
    version: str
    job_id: str
    status: str
    duplicate: bool

    @classmethod
    def of(cls, accepted: Accepted) -> Self:
        return cls(
            id=accepted.id,
            version=accepted.version,
            job_id=accepted.job_id,
            status=accepted.status,
            duplicate=accepted.duplicate,
        )
