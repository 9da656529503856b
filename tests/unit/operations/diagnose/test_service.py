import asyncio
import gc
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from ragkeeper.operations.diagnose.errors import NotTracing
from ragkeeper.operations.diagnose.models import SlowStatement
from ragkeeper.operations.diagnose.service import DiagnosisService, stages
from ragkeeper.operations.history.models import Figures, Period, Resolution, Spread
from tests.waiting import until

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SLOW = SlowStatement("x", "SELECT ?", 1, 1, 1)


class Remembering:
    def __init__(self, last: Figures, before: Figures) -> None:
        self._found = {Resolution.MINUTE: last, Resolution.HOUR: before}

    async def periods(self, resolution, since, until) -> list[Period]:
        return [Period(since, self._found[resolution])]


def embed(count: float, bound: float) -> Figures:
    return Figures(60, spreads={"stages:embed": Spread(count * bound / 2, {bound / 2: 0, bound: count})})


def service(last: Figures, before: Figures, recent: Figures) -> DiagnosisService:
    return DiagnosisService(lambda: [SLOW], 0.1, Remembering(last, before), lambda: recent, lambda: NOW)


@pytest.fixture
def tracing() -> Iterator[DiagnosisService]:
    yield service(Figures(0), Figures(0), Figures(0))
    tracemalloc.stop()


async def test_stages_are_those_of_the_last_hour_with_the_day_before():
    found = await service(embed(10, 1.0), embed(100, 0.1), embed(5, 1.0)).remembered()
    [stage] = found.stages
    assert (stage.name, stage.count) == ("embed", 15)
    assert 0.5 < stage.p95 <= 1.0
    assert stage.before is not None
    assert stage.before <= 0.1
    assert (found.statements, found.limit) == ([SLOW], 0.1)


def test_what_nobody_did_is_no_stage():
    assert (
        stages(Figures(60, spreads={"stages:embed": Spread(0, {}), "search_time": Spread(1, {1: 1})}), Figures(0)) == []
    )


async def test_the_line_that_holds_more_memory_is_named(tracing: DiagnosisService):
    await tracing.trace(60)
    held = [bytes(10_000) for _ in range(200)]
    first = (await tracing.grown())[0]
    assert __file__ in first.line
    assert first.bytes > 1_900_000
    assert len(held) == 200
    tracing.end_trace()
    assert not tracemalloc.is_tracing()
    with pytest.raises(NotTracing):
        await tracing.grown()


async def test_a_trace_that_nobody_ends_ends_by_itself(tracing: DiagnosisService, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ragkeeper.operations.diagnose.service._GRACE", 0.0)
    await tracing.trace(3600)
    await tracing.trace(0.01)
    await until(lambda: not tracemalloc.is_tracing())
    with pytest.raises(NotTracing):
        await tracing.grown()


async def test_a_trace_goes_on_after_an_earlier_one_would_have_ended(
    tracing: DiagnosisService, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ragkeeper.operations.diagnose.service._GRACE", 0.0)
    await tracing.trace(0.05)
    tracing.end_trace()
    await tracing.trace(3600)
    await asyncio.sleep(0.1)
    assert tracemalloc.is_tracing()
    tracing.end_trace()


def test_the_collectors_figures_rise(tracing: DiagnosisService):
    before = tracing.collector()
    gc.collect()
    after = tracing.collector()
    assert after["collections"] > before["collections"]
    assert set(after) == {"collections", "collected", "uncollectable", "watched", "frozen"}
