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


OPTIONS: dict[SourceKind, type[SourceOptions]] = {SourceKind.FOLDER: FolderOptions}


def checked_options(kind: SourceKind, options: Mapping[str, object]) -> dict[str, object]:
    """The given options as they are stored. Raises OptionsInvalid."""
    try:
        return OPTIONS[kind].model_validate(options).model_dump(mode="json", exclude_unset=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise OptionsInvalid(kind=kind.value, reason=f"{where}: {first['msg']}") from error
