import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ragkeeper.operations.monitoring.dashboards import dashboard_files, dashboards
from ragkeeper.operations.monitoring.panels import Panel, promql
from tests.unit.operations.monitoring.grafana import faults
from tests.unit.operations.monitoring.linter import RULES, complaints
from tests.unit.operations.monitoring.plans import plan

BOARDS = {board.title: board for board in dashboards(plan())}
FILES = dashboard_files(plan())
EXCEPTIONS = yaml.safe_load(FILES["grafana/dashboards/.lint"].text)
PANELS = [(board.title, panel) for board in BOARDS.values() for panel in board.panels]


def panel(board: str, title: str) -> Panel:
    return next(one for one in BOARDS[board].panels if one.title == title)


def queries(board: str, title: str) -> dict[str, str]:
    return {query.legend: promql(query) for query in panel(board, title).queries}


def test_the_guides_dashboards_are_there():
    assert list(BOARDS) == ["RAG Interface System", "RAG System Overview", "ragkeeper"]
    assert len({board.uid for board in BOARDS.values()}) == 3


def test_the_guides_panels_ask_what_the_guides_meant():
    assert queries("RAG Interface System", "Service Health") == {"{{instance}}": 'up{job="rag-interface"}'}
    assert list(queries("RAG Interface System", "Response Time")) == ["95th percentile"]
    assert list(queries("RAG System Overview", "API Response Times")) == ["p50", "p95", "p99"]
    assert list(queries("RAG System Overview", "Request Rate")) == ["Requests/sec"]
    assert list(queries("RAG System Overview", "Error Rate")) == ["Error Rate %"]
    rows = [row.title for row in BOARDS["RAG System Overview"].rows]
    assert rows == ["Requests", "System Resources"]
    resources = [one.title for one in BOARDS["RAG System Overview"].rows[1].panels]
    assert resources[:2] == ["CPU Usage", "Memory Usage"]


@pytest.mark.parametrize(("board", "one"), PANELS, ids=lambda one: one if isinstance(one, str) else one.title)
def test_each_panel_can_be_read(board: str, one: Panel):
    assert one.title, board
    assert one.about.endswith(".")
    assert one.unit
    assert one.queries
    assert all(query.legend for query in one.queries)


def test_limits_are_those_of_the_alerts():
    assert panel("RAG Interface System", "Response Time").limits == (2, 3)
    assert panel("RAG Interface System", "Error Rate").limits == (1, 5)
    assert panel("RAG Interface System", "Disk Usage").limits == (80, 90)


def test_the_files_are_as_grafana_has_them():
    files = [file for path, file in dashboard_files(plan()).items() if path.endswith(".json")]
    assert len(files) == len(BOARDS)
    assert [fault for file in files for fault in faults(json.loads(file.text))] == []


@pytest.mark.parametrize(
    ("where", "value"),
    [("schemaVersion", "39"), ("rows", []), ("timezone", "mars"), ("panels", [{"type": "graph"}]), ("editable", 1)],
)
def test_a_file_that_is_not_is_found(where: str, value: object):
    board = json.loads(dashboard_files(plan())["grafana/dashboards/ragkeeper.json"].text)
    assert faults({**board, where: value})


def test_grafanas_linter_has_nothing_to_say_but_what_is_excepted():
    boards = [json.loads(file.text) for path, file in FILES.items() if path.endswith(".json")]
    assert [one for board in boards for one in complaints(board, EXCEPTIONS)] == []
    # Nothing is excepted that the linter would not have said.
    said = [(one.rule, one.dashboard, one.panel) for board in boards for one in complaints(board, {})]
    assert {rule for rule, _, _ in said} == EXCEPTIONS["exclusions"].keys()
    entries = [(rule, entry) for rule, one in EXCEPTIONS["exclusions"].items() for entry in one.get("entries", [])]
    assert [entry for rule, entry in entries if (rule, entry["dashboard"], entry["panel"]) not in said] == []


def _first(board: dict[str, Any]) -> dict[str, Any]:
    return next(panel for panel in board["panels"] if panel["title"] == "Request Rate")


def _asks(text: str) -> Callable[[dict[str, Any]], None]:
    return lambda board: _first(board)["targets"][0].update(expr=text)


CHOSEN = 'job=~"$job",instance=~"$instance"'
BROKEN: dict[str, Callable[[dict[str, Any]], None]] = {
    "template-datasource-rule": lambda board: board["templating"]["list"].pop(0),
    "template-job-rule": lambda board: board["templating"]["list"][1].update(multi=False),
    "template-instance-rule": lambda board: board["templating"]["list"].pop(2),
    "template-label-promql-rule": lambda board: board["templating"]["list"][1].update(query="labels(up, job)"),
    "template-on-time-change-reload": lambda board: board["templating"]["list"][2].update(refresh=1),
    "panel-datasource-rule": lambda board: _first(board).update(datasource={"uid": "prometheus"}),
    "panel-title-description-rule": lambda board: _first(board).update(description=""),
    "panel-units-rule": lambda board: _first(board)["fieldConfig"]["defaults"].update(unit="furlong"),
    "panel-no-targets-rule": lambda board: _first(board).update(targets=[]),
    "target-rate-interval-rule": _asks(f"rate(http_requests_total{{{CHOSEN}}}[5m])"),
    "target-job-rule": _asks('rate(http_requests_total{instance=~"$instance"}[$__rate_interval])'),
    "target-instance-rule": _asks('rate(http_requests_total{job=~"$job"}[$__rate_interval])'),
    "target-counter-agg-rule": _asks(f"sum(http_requests_total{{{CHOSEN}}})"),
    "uneditable-dashboard-rule": lambda board: board.update(editable=True),
}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_of_the_linter_finds_what_is_against_it(rule: str):
    text = FILES["grafana/dashboards/rag-system-overview.json"].text
    board = json.loads(text.replace("[5m]", "[$__rate_interval]"))
    assert complaints(board, {}) == []
    BROKEN[rule](board)
    assert {one.rule for one in complaints(board, {})} == {rule}


def test_panels_do_not_overlap_and_have_numbers_of_their_own():
    for path, file in dashboard_files(plan()).items():
        if path.endswith(".json"):
            panels = json.loads(file.text)["panels"]
            taken = [cell for one in panels for cell in _cells(one["gridPos"])]
            assert len(taken) == len(set(taken))
            assert len({one["id"] for one in panels}) == len(panels)


def _cells(grid: dict[str, int]) -> list[tuple[int, int]]:
    assert grid["x"] + grid["w"] <= 24
    return [(x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])]
