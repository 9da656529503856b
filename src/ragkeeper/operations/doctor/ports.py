"""What the doctor needs of the program it is part of."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ragkeeper.core.checks import Check

Ask = Callable[[str], Any]
"""Gets a path from the running server: JSON, or text. Raises NotLooked where none answers."""


@dataclass(frozen=True, slots=True)
class Patient:
    """checks: all that can be looked at in this installation; server: where one says that it answers."""

    checks: Sequence[Check]
    server: str | None


@dataclass(frozen=True, slots=True)
class Facts:
    """For a support bundle. secrets: texts that must not be in it; private: names and titles that must not either.

    logs: files, the newest first; schema, jobs: as text, and () where they cannot be read.
    """

    settings: dict[str, Any]
    versions: dict[str, str]
    schema: Sequence[str]
    jobs: Sequence[dict[str, Any]]
    secrets: Sequence[str]
    private: Sequence[str]
    logs: Sequence[Path]


class Surgery(Protocol):
    """The installation that the settings name, opened read-only."""

    def patient(self) -> AbstractContextManager[Patient]: ...

    def facts(self) -> Facts: ...

    def ask(self, path: str) -> Any:
        """What the running server answers. Raises NotLooked."""
