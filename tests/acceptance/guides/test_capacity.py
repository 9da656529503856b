"""Growth, limits and dates, as the guides promise them, from histories whose course is known."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from bench.forecast import DATA, SETTINGS, hourly, measured
from tests.acceptance.server import Server, run, serving
from tests.past import GIGABYTE, Course, daily, growing, hours, midnight, remember, steady

DAYS = 30
TITLE = "RAG System Capacity Planning Report"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that writes no history of its own beside the one it is given."""
    with serving(tmp_path_factory.mktemp("capacity")) as running:
        running.run("degrade", "--to", "read_only", "--for", "1h")
        yield running


def report(server: Server, *arguments: str, days: float = DAYS, **courses: Course) -> subprocess.CompletedProcess[str]:
    """The command's outcome after so many days of that course, whatever the server remembered before."""
    database = server.folder / "data" / "ragkeeper.db"
    engine = create_engine(f"sqlite:///{database}")
    with engine.begin() as sql:
        sql.exec_driver_sql("DELETE FROM history")
    engine.dispose()
    remember(database, hours(midnight() - timedelta(days=days), days, **courses))
    return server.run("capacity", "report", *arguments, check=False)


def figures(server: Server, **courses: Course) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(report(server, "--json", **courses).stdout)
    return found


def recommended(server: Server, kind: str, **courses: Course) -> list[str]:
    return [one["urgency"] for one in figures(server, **courses)["recommendations"] if one["type"] == kind]


def to_reach(end: float, start: float = 40.0) -> Course:
    """A line that is at `end` ninety days from today."""
    return growing(start, (end - start) / (DAYS + 90))


def by_percent(now: float, percent: float) -> Course:
    """A line that grows by so many percent of its present value in ninety days."""
    slope = now * percent / 100 / 90
    return growing(now - DAYS * slope, slope)


def days_until(text: str) -> int:
    return (date.fromisoformat(text) - datetime.now(UTC).date()).days


@pytest.mark.timeout(120)
def test_g0_002_the_report_projects_recorded_growth_and_refuses_too_little(server: Server):
    done = report(server, disk=growing(20, 1))
    told = re.search(r"Disk Usage /srv reaches 90% on (\S+) \(between (\S+) and (\S+)\)\. Before \S+: add", done.stdout)
    assert told, done.stdout
    expected, earliest, latest = (days_until(one) for one in told.groups())
    assert earliest <= 40 <= latest
    assert abs(expected - 40) <= 1
    thin = report(server, days=1)
    assert thin.returncode == 1
    assert "1 whole days are known, 14 are needed; 13 are missing" in thin.stdout


def test_g0_076_growth_of_the_database_is_told_per_day(server: Server):
    found = figures(server, database=daily(growing(5 * GIGABYTE, 0.1 * GIGABYTE), 0, noise=2e7, seed=3))
    trend = found["trends"]["database_size"]
    assert trend["low"] <= 100e6 <= trend["high"]
    assert trend["growth_rate_per_day"] == pytest.approx(100e6, rel=0.05)
    text = report(server, database=growing(5 * GIGABYTE, 0.1 * GIGABYTE)).stdout
    assert "+100.0 MB a day" in next(line for line in text.splitlines() if line.startswith("- Database Size"))


def test_g4_112_text_json_and_page_have_equal_figures(server: Server, tmp_path: Path):
    page = tmp_path / "capacity.html"
    course = {"disk": growing(20, 1), "cpu": daily(steady(30), 15, 1)}
    text = report(server, "--html", str(page), **course).stdout
    found = json.loads(server.run("capacity", "report", "--json", check=False).stdout)
    html = page.read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith(("- ", "  Reason")):
            assert line.replace(">", "&gt;") in html, line
    disk = found["projections"]["disk_usage:/srv"]
    assert f"- Disk Usage /srv: {disk['current']:.1f}% → {disk['projected']:.1f}%" in text
    assert found["limiting"]["reached"] in text
    assert html.count("<svg") == len(found["trends"]) == len(found["projections"])
    assert found == {**server.http.get("/admin/capacity").json(), "generated": found["generated"]}


def test_g4_113_no_figure_is_invented(server: Server, tmp_path: Path):
    with serving(tmp_path) as fresh:
        done = fresh.run("capacity", "report", check=False)
        assert (done.returncode, "14 are missing" in done.stdout) == (1, True)
        empty = json.loads(fresh.run("capacity", "report", "--json", check=False).stdout)
        assert (empty["enough"], empty["trends"], empty["projections"]) == (False, {}, {})
    courses = {"cpu": daily(steady(30), 20, 3), "memory": daily(steady(55), 4, 1), "requests": daily(steady(5), 3, 0.2)}
    past = hours(midnight() - timedelta(days=DAYS), DAYS, **courses)
    found = figures(server, **{name: _again(past, name) for name in courses})["trends"]
    week = past[-7 * 24 :]
    busy = [100 * one.figures.counts["cpu_busy"] / (4 * 3600) for one in week]
    used = [100 - 100 * one.figures.levels["memory_free"].mean / (16 * GIGABYTE) for one in week]
    rate = [one.figures.counts["requests"] / 3600 for one in week]
    for name, values in (("cpu_usage", busy), ("memory_usage", used), ("request_rate", rate)):
        assert found[name]["current_average"] == pytest.approx(sum(values) / len(values), rel=1e-3)
        assert len(found[name]["history"]) == DAYS
    assert "token_rate" not in found


def _again(past: list[Any], name: str) -> Course:
    """The values of a history once more."""
    read = {
        "cpu": lambda one: 100 * one.counts["cpu_busy"] / (4 * 3600),
        "memory": lambda one: 100 - 100 * one.levels["memory_free"].mean / (16 * GIGABYTE),
        "requests": lambda one: one.counts["requests"] / 3600,
    }[name]
    return lambda day: read(past[min(round(day * 24), len(past) - 1)].figures)


def test_g4_114_growth_has_an_interval_and_noise_has_none(server: Server):
    flat = figures(server, cpu=daily(steady(40), 15, 3, seed=5))["trends"]["cpu_usage"]
    assert flat["trend"] == "none"
    assert flat["low"] < 0 < flat["high"]
    rising = figures(server, memory=daily(growing(30, 1), 3, 1, seed=5))["trends"]["memory_usage"]
    assert (rising["trend"], rising["low"] <= 1 <= rising["high"]) == ("increasing", True)
    assert rising["r_squared"] > 0.99
    found = figures(server, memory=growing(30, 1))
    assert max(row[3] for row in found["projections"]["memory_usage"]["forecast"]) <= 100
    falling = figures(server, memory=growing(60, -0.5))["trends"]["memory_usage"]
    assert falling["trend"] == "decreasing"


@pytest.mark.timeout(200)
def test_g4_115_the_first_limit_has_a_date_and_intervals_hold(server: Server):
    found = figures(server, disk=growing(20, 1), memory=growing(30, 0.2))
    assert found["limiting"]["name"] == "disk_usage:/srv"
    assert abs(days_until(found["limiting"]["reached"]) - 40) <= 1
    for one in found["projections"].values():
        assert {"current", "projected", "growth_total", "growth_percent", "low", "high"} <= one.keys()
        assert one["low"] <= one["projected"] <= one["high"]
        assert len(one["forecast"]) == 90
    shorter = json.loads(server.run("capacity", "report", "--json", "--ahead", "30", check=False).stdout)
    assert (shorter["days_ahead"], shorter["limiting"]) == (30, None)
    if not DATA.exists():
        pytest.skip("needs ../shared/data/nab, which is not part of the repository")
    held_out = {file.stem: hourly(file) for file in sorted(DATA.glob("*.csv"))}
    covered = [measured(name, one, SETTINGS[0]).covered for name, one in held_out.items() if len(one) > 288]
    assert 0.7 <= sum(covered) / len(covered) <= 0.9


@pytest.mark.parametrize(("end", "urgency"), [(75, []), (85, ["medium"]), (95, ["high"])])
def test_g4_116_projected_processor_use_gives_its_recommendation(server: Server, end: float, urgency: list[str]):
    assert recommended(server, "CPU", cpu=to_reach(end)) == urgency


@pytest.mark.parametrize(("end", "urgency"), [(80, []), (90, ["medium"]), (97, ["high"])])
def test_g4_117_projected_memory_gives_its_recommendation(server: Server, end: float, urgency: list[str]):
    assert recommended(server, "Memory", memory=to_reach(end)) == urgency


@pytest.mark.parametrize(("percent", "urgency"), [(40, []), (60, ["medium"])])
def test_g4_118_projected_requests_give_their_recommendation(server: Server, percent: float, urgency: list[str]):
    assert recommended(server, "Horizontal", requests=by_percent(10, percent)) == urgency


@pytest.mark.parametrize(("percent", "urgency"), [(20, []), (30, ["high"])])
def test_g4_119_projected_times_give_theirs_with_the_stage(server: Server, percent: float, urgency: list[str]):
    found = figures(server, seconds=by_percent(0.5, percent), embed=by_percent(0.3, percent))["recommendations"]
    assert [one["urgency"] for one in found if one["type"] == "Performance"] == urgency
    assert all("in the stage embed" in one["reason"] for one in found)


def test_g4_120_the_report_has_its_sections_and_its_last_line(server: Server):
    sections = [TITLE, "CURRENT STATE:", "90-DAY PROJECTIONS:", "SCALING RECOMMENDATIONS:"]
    flat = report(server)
    assert flat.returncode == 0
    assert flat.stdout.splitlines()[-1] == "- No immediate scaling required"
    grown = report(server, cpu=to_reach(95), memory=to_reach(97))
    assert grown.returncode == 1
    for done in (flat, grown):
        lines = done.stdout.splitlines()
        assert [line for line in lines if line in sections] == sections
        assert lines[1].startswith("Generated: ")
    assert "- CPU: Scale up (high priority)\n  Reason: Projected CPU usage: 9" in grown.stdout
    assert "- Memory: Scale up (high priority)\n  Reason: Projected memory usage: 9" in grown.stdout
    assert run("capacity", "report", "--days", "3", folder=server.folder).returncode == 2
