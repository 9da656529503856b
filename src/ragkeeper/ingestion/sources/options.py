"""What the kinds of sources understand as options; each is checked before a source is kept."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ragkeeper.ingestion.sources.errors import OptionsInvalid
from ragkeeper.ingestion.sources.models import SourceKind
from ragkeeper.ingestion.sources.rules import DEFAULT_MOST_REMOVED

Pattern = Annotated[str, Field(min_length=1, max_length=500)]


class SourceOptions(BaseModel):
    """Of every kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    most_removed: float = Field(
        DEFAULT_MOST_REMOVED, ge=0, le=1, description="Share of the documents that one run may remove by itself."
    )


class PatternOptions(SourceOptions):
    """Patterns match the whole path below the source; `*` stands for any characters, slashes too."""

    include: tuple[Pattern, ...] = Field((), max_length=100, description="Only paths that match one of these.")
    exclude: tuple[Pattern, ...] = Field((), max_length=100, description="No path that matches one of these.")


class FolderOptions(PatternOptions):
    watch: bool = Field(False, description="Synchronise shortly after something changes.")


class PagesOptions(PatternOptions):
    """Of pages on the web; patterns match their path and query."""

    hosts: tuple[Annotated[str, Field(min_length=1, max_length=300)], ...] = Field(
        (), max_length=100, description="Other hosts whose pages belong to it, `host` or `host:port`."
    )
    prefix: str = Field("", max_length=500, description="Only pages whose path begins so (`/docs/`).")
    delay_seconds: float = Field(0.5, ge=0, le=60, description="Pause between two requests to a host.")


class WebOptions(PagesOptions):
    depth: int = Field(3, ge=0, le=20, description="How many links from the first page.")
    most_pages: int = Field(1000, ge=1, le=100_000, description="Pages visited in one run, the nearest first.")


class BucketOptions(PatternOptions):
    profile: str = Field("", max_length=100, description="Of RAG_S3_PROFILES; default: the first of them.")
    prefix: str = Field("", max_length=500, description="Only objects below this folder.")


class GitOptions(PatternOptions):
    profile: str = Field("", max_length=100, description="Of RAG_GIT_PROFILES; default: the one for its host.")
    branch: str = Field("", max_length=250, description="Default: the one that the repository shows first.")


OPTIONS: dict[SourceKind, type[SourceOptions]] = {
    SourceKind.FOLDER: FolderOptions,
    SourceKind.WEB: WebOptions,
    SourceKind.SITEMAP: PagesOptions,
    SourceKind.S3: BucketOptions,
    SourceKind.GIT: GitOptions,
}


def checked_options(kind: SourceKind, options: Mapping[str, object]) -> dict[str, object]:
    """The given options as they are stored. Raises OptionsInvalid."""
    try:
        return OPTIONS[kind].model_validate(options).model_dump(mode="json", exclude_unset=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise OptionsInvalid(kind=kind.value, reason=f"{where}: {first['msg']}") from error
