"""What crosses HTTP about the use of the server."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from ragkeeper.operations.usage.models import RouteUse


class RouteUseView(BaseModel):
    """A route by its template."""

    path: str
    requests: int
    callers: Mapping[str, int] = Field(description="Requests by kind of caller: nobody, user, administrator.")

    @classmethod
    def of(cls, use: RouteUse) -> Self:
        return cls(path=use.path, requests=use.requests, callers=use.callers)


class StatsView(BaseModel):
    """What was asked since `since`, when this process began; the most used route first."""

    since: datetime
    routes: list[RouteUseView]
