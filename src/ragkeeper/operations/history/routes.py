"""`/admin/history`: for administrators."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from ragkeeper.http.caller import CurrentCaller
from ragkeeper.operations.history.models import Keeping, Period
from ragkeeper.operations.history.rules import described, point, unit
from ragkeeper.operations.history.schemas import HistoryView, KeepingView, NewestView, ResolutionName, SeriesView
from ragkeeper.operations.history.service import HistoryService

_DAY = timedelta(days=1)

Since = Annotated[datetime | None, Query(description="Beginning, with its zone; default: a day before the end.")]
Until = Annotated[datetime | None, Query(description="End; default: now.")]
Every = Annotated[ResolutionName | None, Query(description="Default: the finest that gives not too many points.")]


def history_routes(history: HistoryService, keeping: Callable[[], Keeping]) -> APIRouter:
    router = APIRouter(prefix="/admin/history", tags=["administration"])

    @router.get("")
    async def list_history(caller: CurrentCaller) -> HistoryView:
        """What is remembered, with the newest values, and whether it is written. Administrators only."""
        caller.require_admin("look at the history")
        period, names = await history.latest()
        known = sorted({*described(), *names})
        return HistoryView(keeping=KeepingView.of(keeping()), series=[_newest(name, period) for name in known])

    @router.get("/{name:path}")
    async def get_history(
        caller: CurrentCaller, name: str, since: Since = None, until: Until = None, resolution: Every = None
    ) -> SeriesView:
        """One figure over time; percentiles of any span are those of all its observations. Administrators only."""
        caller.require_admin("look at the history")
        end = _zoned(until) or datetime.now(UTC)
        every = resolution.resolution if resolution else None
        return SeriesView.of(await history.series(name, _zoned(since) or end - _DAY, end, every))

    return router


def _newest(name: str, period: Period | None) -> NewestView:
    value = point(name, period).value if period else None
    about = described().get(name.partition(":")[0], "")
    return NewestView(name=name, unit=unit(name), help=about, at=period.began if period else None, value=value)


def _zoned(moment: datetime | None) -> datetime | None:
    """A time without a zone is taken as UTC, as all times of the server are."""
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
