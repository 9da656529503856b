import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.core.metrics import HTTP_SECONDS, TABLE
from ragkeeper.operations.history.models import Figures, Level, Period, Resolution, Spread
from ragkeeper.operations.history.rules import (
    began,
    described,
    fitting,
    is_known,
    merged,
    percentile,
    point,
    rolled_up,
    unit,
)
from ragkeeper.operations.history.table import KEPT

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
COUNTS = st.dictionaries(st.sampled_from([0.1, 0.5, 1.0, 5.0, math.inf]), st.integers(1, 1000), max_size=5)


def spread(values: list[float]) -> Spread:
    bounds = HTTP_SECONDS.buckets
    counts: dict[float, float] = {}
    for value in values:
        bound = next((one for one in bounds if value <= one), math.inf)
        counts[bound] = counts.get(bound, 0) + 1
    return Spread(sum(values), counts)


def test_periods_begin_on_the_minute_the_hour_and_the_day_of_utc():
    moment = datetime(2026, 3, 29, 1, 59, 59, 999999, tzinfo=UTC)
    assert began(moment, Resolution.MINUTE) == datetime(2026, 3, 29, 1, 59, tzinfo=UTC)
    assert began(moment, Resolution.HOUR) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert began(moment, Resolution.DAY) == datetime(2026, 3, 29, tzinfo=UTC)
    assert began(began(moment, Resolution.DAY), Resolution.DAY) == datetime(2026, 3, 29, tzinfo=UTC)


@given(st.lists(COUNTS, min_size=1, max_size=6))
def test_percentiles_of_merged_buckets_are_those_of_all_observations(parts: list[dict[float, float]]):
    figures = [Figures(60, spreads={"x": Spread(1.0, counts)}) for counts in parts]
    whole = merged(figures).spreads["x"]
    once = {bound: sum(part.get(bound, 0) for part in parts) for bound in {b for part in parts for b in part}}
    assert dict(whole.counts) == once
    assert whole.total == len(parts)
    in_steps = merged([merged(figures[:2]), *figures[2:]]).spreads["x"]
    assert in_steps == whole
    for share in (0.5, 0.95):
        assert percentile(whole, share) == percentile(Spread(0, once), share)


def test_a_percentile_lies_in_the_bucket_of_the_true_one():
    values = list(np.random.default_rng(1).lognormal(-2, 1, 4000))
    found = percentile(spread(values), 0.95)
    true = float(np.quantile(values, 0.95))
    bounds = [0.0, *HTTP_SECONDS.buckets]
    place = next(i for i, bound in enumerate(bounds) if true <= bound)
    assert found is not None
    assert bounds[place - 1] <= found <= bounds[place]


def test_percentiles_at_the_edges():
    assert percentile(Spread(0, {}), 0.5) is None
    assert percentile(Spread(9, {1.0: 4}), 0.5) == 0.5
    assert percentile(Spread(9, {1.0: 1, math.inf: 99}), 0.99) == 1.0
    assert percentile(Spread(9, {math.inf: 3}), 0.5) == 0.0


def test_levels_merge_with_their_mean_least_and_most():
    figures = merged([Figures(60, {"x": Level(4, 40, 5, 15)}), Figures(30, {"x": Level(1, 20, 20, 20)})])
    found = point("index_lag", Period(NOON, Figures(90, {"index_lag": figures.levels["x"]})))
    assert (found.value, found.least, found.most, found.seconds) == (12, 5, 20, 90)


def test_rates_are_per_second_of_watching_and_a_part_that_did_not_happen_is_zero():
    figures = Figures(120, counts={"requests": 60.0, "answers": 12, "answers:full": 12})
    assert point("requests", Period(NOON, figures)).value == 0.5
    assert point("answers:full", Period(NOON, figures)).value == 0.1
    assert point("answers:extractive", Period(NOON, figures)).value == 0
    assert point("shed", Period(NOON, figures)).value is None
    assert point("requests", Period(NOON, Figures(0, counts={"requests": 0}))).value is None


def test_shares_are_percentages_and_nothing_of_nothing_is_unknown():
    busy = Figures(60, counts={"requests": 200, "errors": 5})
    assert point("error_rate", Period(NOON, busy)).value == 2.5
    assert point("error_rate", Period(NOON, Figures(60, counts={"requests": 0, "errors": 0}))).value is None
    assert point("error_rate", Period(NOON, Figures(60))).value is None


def test_durations_have_percentiles_and_a_mean():
    found = point("response_time", Period(NOON, Figures(60, spreads={"response_time": spread([0.2, 0.4])})))
    assert found.value == pytest.approx(0.3)
    assert (found.count, sorted(found.percentiles or {})) == (2, ["p50", "p95", "p99"])
    idle = point("response_time", Period(NOON, Figures(60)))
    assert (idle.value, idle.count, idle.percentiles) == (None, 0, None)


def test_minutes_become_hours():
    minutes = [Period(NOON + timedelta(minutes=n), Figures(60, counts={"requests": n})) for n in range(90)]
    hours = rolled_up(minutes, Resolution.HOUR)
    assert [hour.began for hour in hours] == [NOON, NOON + timedelta(hours=1)]
    assert [hour.figures.counts["requests"] for hour in hours] == [sum(range(60)), sum(range(60, 90))]
    assert [hour.figures.seconds for hour in hours] == [3600, 1800]


def test_the_finest_resolution_that_is_not_too_much():
    assert fitting(NOON, NOON + timedelta(hours=24)) is Resolution.MINUTE
    assert fitting(NOON, NOON + timedelta(days=30)) is Resolution.HOUR
    assert fitting(NOON, NOON + timedelta(days=400)) is Resolution.DAY


def test_every_kept_figure_comes_from_a_metric_of_the_table_and_has_a_meaning():
    metrics = {metric.name: metric for metric in TABLE}
    for kept in KEPT:
        assert kept.metric in metrics, kept.name
        assert not kept.by or kept.by in metrics[kept.metric].label_names
    assert len(described()) == len({*described()})
    for name in described():
        assert is_known(name)
        assert isinstance(unit(name), str)
    assert is_known("stages:embed")
    assert not is_known("nonsense")
