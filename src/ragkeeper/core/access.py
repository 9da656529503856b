"""Who is asking, and what they may do: every service call takes a `Caller`."""

from dataclasses import dataclass, field
from enum import StrEnum

from ragkeeper.core.errors import RagkeeperError


class Right(StrEnum):
    """What an access list grants on a collection; each includes the ones before it."""

    READ = "read"
    WRITE = "write"
    MANAGE = "manage"

    def includes(self, other: "Right") -> bool:
        ranks = list(Right)
        return ranks.index(self) >= ranks.index(other)


class Role(StrEnum):
    USER = "user"
    ADMIN = "admin"


class Forbidden(RagkeeperError):
    """You may not {action}."""

    code = "forbidden"
    status = 403
    fix = "Ask an administrator for access."


@dataclass(frozen=True, slots=True)
class Caller:
    """The identity behind a request.

    principals: the names under which access lists may grant it something (its own id and its groups).
    """

    id: str
    role: Role
    principals: frozenset[str] = field(default_factory=frozenset)

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN

    def require_admin(self, action: str) -> None:
        if not self.is_admin:
            raise Forbidden(action=action)


def local_administrator() -> Caller:
    """The one caller that exists until identity arrives: whoever holds the data folder's key."""
    return Caller(id="local", role=Role.ADMIN, principals=frozenset({"local"}))
