from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from ragkeeper.operations.capacity.page import page
from ragkeeper.operations.capacity.schemas import CapacityView
from ragkeeper.operations.capacity.service import CapacityService
from ragkeeper.operations.capacity.text import amount, refusal, text_report, title
from ragkeeper.operations.history.models import Period, Resolution
from ragkeeper.operations.history.rules import rolled_up
from tests.past import GIGABYTE, daily, growing, hours, midnight, steady

MIDNIGHT = midnight(datetime(2026, 11, 21, tzinfo=UTC))
DAYS = 30


class Remembered:
    def __init__(self, periods: list[Period]) -> None:
        self._periods = periods

    async def periods(self, resolution: Resolution, since: datetime, until: datetime) -> list[Period]:
        return [one for one in rolled_up(self._periods, resolution) if since <= one.began < until]


async def view(periods: list[Period], hour: int = 9, days: int = DAYS) -> dict:
    now = MIDNIGHT + timedelta(hours=hour)
    found = await CapacityService(Remembered(periods), lambda: now).report(days)
    return CapacityView.of(found, now).model_dump(mode="json")


def past(**courses) -> list[Period]:
    """Thirty whole days and nine hours of today, which count for nothing."""
    return hours(MIDNIGHT - timedelta(days=DAYS), DAYS + 9 / 24, **courses)


async def test_averages_are_those_of_whole_days_at_any_hour():
    periods = past(cpu=daily(steady(30), 20, 2), memory=daily(steady(60), 5, 1))
    found = [await view(periods, hour) for hour in (0, 5, 14, 23)]
    averages = {one["trends"]["cpu_usage"]["current_average"] for one in found}
    assert len(averages) == 1
    last_week = [one for one in periods if MIDNIGHT - timedelta(days=7) <= one.began < MIDNIGHT]
    busy = [100 * one.figures.counts["cpu_busy"] / (4 * 3600) for one in last_week]
    assert averages.pop() == pytest.approx(sum(busy) / len(busy), rel=1e-4)
    assert found[0]["trends"]["cpu_usage"]["trend"] == "none"
    assert found[0]["recommendations"] == []
    assert len(found[0]["trends"]["cpu_usage"]["history"]) == DAYS


async def test_a_rise_of_a_point_a_day_lies_in_the_interval():
    found = await view(past(disk=growing(20, 1), memory=daily(growing(30, 0.2), 5, 1, seed=2)))
    memory = found["trends"]["memory_usage"]
    assert memory["low"] <= 0.2 <= memory["high"]
    disk = found["trends"]["disk_usage:/srv"]
    assert disk["growth_rate_per_day"] == pytest.approx(1, abs=0.01)
    assert found["limiting"]["name"] == "disk_usage:/srv"
    reached = datetime.fromisoformat(found["limiting"]["reached"]).date()
    assert abs((reached - MIDNIGHT.date()).days - 40) <= 1
    assert "disk_usage" not in found["trends"]  # all disks together say nothing


async def test_the_stage_that_grows_is_named():
    found = await view(past(seconds=growing(0.2, 0.002), embed=growing(0.1, 0.002)))
    [one] = found["recommendations"]
    assert (one["type"], one["urgency"], "stage embed" in one["reason"]) == ("Performance", "high", True)


async def test_days_of_which_little_was_seen_do_not_count():
    found = await view(hours(MIDNIGHT - timedelta(days=1), 1))
    assert (found["enough"], found["days_known"], found["days_missing"]) == (False, 1, 13)
    assert (found["trends"], found["projections"], found["limiting"]) == ({}, {}, None)
    assert "13 are missing" in refusal(found)
    mornings = [one for one in past() if one.began.hour < 10]
    assert (await view(mornings))["days_known"] == 0


class Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in {"meta", "line", "polyline", "polygon"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


async def test_text_and_page_say_what_the_object_says():
    found = await view(past(disk=growing(20, 1), database=growing(GIGABYTE, 0.1 * GIGABYTE)))
    text = text_report(found)
    lines = text.splitlines()
    assert lines[0] == "RAG System Capacity Planning Report"
    assert lines[1].startswith("Generated: 2026-11-21 09:00:00")
    for heading in ("CURRENT STATE:", "90-DAY PROJECTIONS:", "FIRST LIMITING RESOURCE:", "SCALING RECOMMENDATIONS:"):
        assert heading in lines
    assert "- Database Size: 3.6 GB (trend: increasing, +100.0 MB a day, +100.0 MB to +100.0 MB)" in lines
    assert found["limiting"]["reached"] in text
    assert "- Disk: Free or add space (medium priority)" in lines
    assert "  Reason: /srv reaches 90%" in text
    html = page(found)
    parser = Texts()
    parser.feed(html)
    assert parser.open == []
    assert parser.seen.count("svg") == len(found["trends"])
    assert found["limiting"]["reached"] in html
    for name in found["trends"]:
        assert f"<h2>{title(name)}</h2>" in html
    flat = text_report(await view(past()))
    assert flat.splitlines()[-1] == "- No immediate scaling required"


async def test_names_in_the_page_are_escaped():
    found = await view(past())
    found["trends"]["disk_usage:/<b>&"] = found["trends"].pop("disk_usage:/srv")
    found["projections"]["disk_usage:/<b>&"] = found["projections"].pop("disk_usage:/srv")
    assert "<b>" not in page(found)
    assert "/&lt;b&gt;&amp;" in page(found)


def test_amounts_are_readable():
    assert amount(1234, "bytes") == "1.2 kB"
    assert amount(-2.5e9, "bytes", signed=True) == "-2.5 GB"
    assert amount(12.34, "percent") == "12.3%"
    assert amount(0.2, "seconds") == "0.200 s"
    assert amount(0.00001, "per second") == "1e-05/s"
    assert amount(0, "") == "0.0"
    assert title("disk_usage:/srv/data_x") == "Disk Usage /srv/data_x"
