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
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

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
        now = datetime.now(UTC)
        end = _within(until, now) or now
        every = resolution.resolution if resolution else None
        return SeriesView.of(await history.series(name, _within(since, now) or end - _DAY, end, every))

    return router


def _newest(name: str, period: Period | None) -> NewestView:
    value = point(name, period).value if period else None
    about = described().get(name.partition(":")[0], "")
    return NewestView(name=name, unit=unit(name), help=about, at=period.began if period else None, value=value)


def _within(moment: datetime | None, now: datetime) -> datetime | None:
    """The nearest time of which anything can be known; without a zone it is UTC, as all times of the server are."""
    if moment is None:
        return None
    return min(max(moment if moment.tzinfo else moment.replace(tzinfo=UTC), _EARLIEST), now)
