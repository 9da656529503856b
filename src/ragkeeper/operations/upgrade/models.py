"""The state of a database's schema."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SchemaState:
    """revision: where the database is, None when it is empty; head: where this program needs it."""

    revision: str | None
    head: str
    database: str

    @property
    def is_current(self) -> bool:
        return self.revision == self.head
