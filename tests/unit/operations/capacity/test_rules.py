from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from ragkeeper.operations.capacity.models import Crossing, Days, Measure, Report, Urgency
from ragkeeper.operations.capacity.rules import MEASURES, growing_stage, report
from ragkeeper.operations.capacity.schemas import CapacityView
from ragkeeper.operations.capacity.text import text_report

TODAY = date(2026, 11, 21)
BY_NAME = {one.name: one for one in MEASURES}


def straight(start: float, per_day: float, count: int = 30, noise: float = 0.0, seed: int = 1) -> list[float]:
    values = start + per_day * np.arange(count) + np.random.default_rng(seed).normal(0, noise or 1e-9, count)
    return [float(one) for one in values]


def to_reach(end: float, *, start: float = 40.0) -> list[float]:
    """A line that is at `end` 90 days from now."""
    return straight(start, (end - start) / (29 + 90))


def days(name: str, means: Sequence[float | None], room: float | None = None) -> Days:
    measure = BY_NAME[name.partition(":")[0]]
    if ":" in name:
        measure = measure.part(name.partition(":")[2])
    return Days(measure, TODAY - timedelta(days=len(means)), means, room)


def made(*all_days: Days, stages: dict[str, Sequence[float | None]] | None = None) -> Report:
    return report(all_days, stages or {}, TODAY, 90)


def test_a_disk_that_fills_has_its_date_and_what_it_lacks():
    found = made(days("disk_usage:/srv", straight(21, 1, noise=0.2), 100e9), days("cpu_usage", straight(30, 0)))
    assert found.limiting
    crossing = found.limiting.crossing
    assert crossing
    assert crossing.expected
    assert abs((crossing.expected - TODAY).days - 40) <= 1  # 50 % now, a point a day, 90 % is the limit
    assert crossing.earliest is not None
    assert crossing.earliest <= crossing.expected <= (crossing.latest or date.max)
    assert found.limiting.measure.name == "disk_usage:/srv"
    assert found.advice.startswith(f"Before {crossing.earliest}: add ")
    assert found.limiting.projected == 100  # never more
    [recommended] = found.recommendations
    assert (recommended.type, recommended.urgency) == ("Disk", Urgency.MEDIUM)


@pytest.mark.parametrize(
    ("name", "room", "lacking"),
    [
        ("disk_usage:/srv", 100e9, "add 55.6 GB of space at /srv"),  # 140 GB of 100: 90 % of 155.6
        ("memory_usage", 16e9, "add 10.4 GB of memory"),  # 22.4 GB of 16: 85 % of 26.4
        ("cpu_usage", 4, "add 3 processor(s)"),  # 5.6 of 4: 80 % of 7
    ],
)
def test_what_lacks_is_not_held_to_what_there_is(name: str, room: float, lacking: str):
    found = made(days(name, straight(21, 1), room))
    assert found.outlooks[0].projected == 100
    assert found.advice.endswith(f": {lacking}.")


def test_what_lacks_is_never_nothing():
    found = made(days("disk_usage:/", to_reach(90.001), 1e9))
    assert found.advice.endswith(": add 0.1 GB of space at /.")


@pytest.mark.parametrize(
    ("name", "room", "lacking", "reason"),
    [
        ("disk_usage:/srv", 100e9, "add 5.6 GB of space at /srv", "/srv is above 90% already: 95.0%"),
        ("memory_usage", 16e9, "add 1.9 GB of memory", "Memory usage is above 85% already: 95.0%"),
        ("cpu_usage", 4, "add 1 processor(s)", "CPU usage is above 80% already: 95.0%"),
    ],
)
def test_what_is_above_its_limit_and_falls_is_too_much_still(name: str, room: float, lacking: str, reason: str):
    found = made(days(name, straight(95 + 29 * 0.5, -0.5), room))
    assert found.limiting
    assert found.limiting.projected == pytest.approx(50)
    assert found.limiting.crossing == Crossing(TODAY, TODAY, TODAY)
    assert found.advice == f"Now: {lacking}."
    assert [one.reason for one in found.recommendations] == [reason]
    told = text_report(CapacityView.of(found, datetime(2026, 11, 21, tzinfo=UTC)).model_dump(mode="json"))
    assert f"is above {found.limiting.measure.limit:.0f}% already, at 95.0%. Now: {lacking}." in told


def test_the_first_limit_is_the_first_in_time():
    found = made(days("disk_usage:/a", straight(50, 0.3)), days("memory_usage", straight(50, 0.6)))
    assert found.limiting
    assert found.limiting.measure.name == "memory_usage"


@pytest.mark.parametrize(
    ("name", "end", "urgency"),
    [
        ("cpu_usage", 75, None),
        ("cpu_usage", 85, Urgency.MEDIUM),
        ("cpu_usage", 95, Urgency.HIGH),
        ("memory_usage", 80, None),
        ("memory_usage", 90, Urgency.MEDIUM),
        ("memory_usage", 97, Urgency.HIGH),
    ],
)
def test_load_has_the_guides_thresholds(name: str, end: float, urgency: Urgency | None):
    found = made(days(name, to_reach(end)))
    assert found.outlooks[0].projected == pytest.approx(end, abs=0.5)
    assert [one.urgency for one in found.recommendations] == ([urgency] if urgency else [])
    kind = {"cpu_usage": "CPU", "memory_usage": "Memory"}[name]
    assert all((one.type, one.action) == (kind, "Scale up") for one in found.recommendations)


@pytest.mark.parametrize(("growth", "kinds"), [(40, []), (60, ["Horizontal"])])
def test_requests_that_grow_by_half_need_replicas(growth: float, kinds: list[str]):
    now = 10.0
    found = made(days("request_rate", straight(now - 29 * now * growth / 9000, now * growth / 9000)))
    assert found.outlooks[0].growth_percent == pytest.approx(growth, abs=1)
    assert [one.type for one in found.recommendations] == kinds


@pytest.mark.parametrize(("growth", "kinds"), [(20, []), (30, ["Performance"])])
def test_slower_answers_name_the_stage_that_grows(growth: float, kinds: list[str]):
    stages = {"embed": straight(0.1, 0.004), "search": straight(0.5, 0), "verify": straight(0.1, 0.001)}
    found = made(days("response_time", straight(1 - 29 * growth / 9000, growth / 9000)), stages=stages)
    assert [one.type for one in found.recommendations] == kinds
    assert all("in the stage embed" in one.reason for one in found.recommendations)
    assert all(one.urgency is Urgency.HIGH for one in found.recommendations)


def test_growth_of_the_database_lies_in_its_interval():
    means = straight(5e9, 100e6, noise=30e6, seed=5)
    [one] = made(days("database_size", means)).outlooks
    assert one.trend.low <= 100e6 <= one.trend.high
    assert one.trend.slope == pytest.approx(100e6, rel=0.05)
    assert one.trend.direction == "increasing"


def test_what_is_flat_has_no_trend_and_no_advice():
    found = made(
        days("cpu_usage", straight(40, 0, noise=3)),
        days("memory_usage", straight(50, 0, noise=2, seed=2)),
        days("disk_usage:/", straight(60, 0, noise=0.5, seed=3)),
        days("request_rate", straight(5, 0, noise=0.5, seed=4)),
    )
    assert {one.trend.direction for one in found.outlooks} == {"none"}
    assert (list(found.recommendations), found.limiting, found.advice) == ([], None, "")


def test_a_thin_history_is_refused_and_nothing_is_invented():
    found = made(days("cpu_usage", [None] * 29 + [50.0]))
    assert (found.known, found.missing, list(found.outlooks)) == (1, 13, [])
    assert made(days("cpu_usage", [None] * 30)).missing == 14
    partly = made(days("cpu_usage", straight(30, 0)), days("token_rate", [None] * 25 + [1.0] * 5))
    assert partly.missing == 0
    assert [one.measure.name for one in partly.outlooks] == ["cpu_usage"]
    assert partly.unknown == {"token_rate": 5}


def test_percentages_stay_percentages():
    found = made(days("cpu_usage", straight(60, 1)), days("error_rate", straight(3, -0.2)))
    for one in found.outlooks:
        assert all(0 <= value <= 100 for row in one.ahead for value in row)


def test_a_limit_that_is_passed_already_is_reached_today():
    found = made(days("disk_usage:/", straight(94, 0, noise=0.1)))
    assert found.limiting
    assert found.limiting.crossing
    assert found.limiting.crossing.expected == TODAY
    assert found.recommendations[0].urgency is Urgency.HIGH


def test_the_stage_that_grows_most():
    assert growing_stage({}) == ""
    assert growing_stage({"embed": straight(1, 0), "search": [None] * 30}) == ""
    assert growing_stage({"embed": straight(1, 0.01), "search": straight(0.1, 0.02)}) == "search"


def test_a_measure_of_a_part_looks_for_its_own_room():
    part = BY_NAME["disk_usage"].part("/srv")
    assert part == Measure("disk_usage:/srv", "disk:/srv", "percent", 90.0, ("disk_used:/srv", "disk_free:/srv"))
