"""What Grafana's dashboard-linter asks of a dashboard, as its documentation says, and the exceptions of a `.lint` file.

https://github.com/grafana/dashboard-linter/blob/main/docs/index.md; the rules have its names. The program itself is in
no package registry. That a query is PromQL at all (`target-promql-rule`) is for Prometheus to say.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Board = Mapping[str, Any]

SOURCES = ("$datasource", "${datasource}")
_DRAWN = ("timeseries", "stat")
_SELECTOR = re.compile(r"\b([a-zA-Z_:][\w:]*)\{([^}]*)\}")
_RATE = re.compile(r"\bi?rate\(\s*[^\[\]]*\[([^\]]*)\]")
_LOOKUP = re.compile(r"(label_names|label_values|metrics|query_result)\(.+\)")
# A counter outside of what makes a speed or a difference of it.
_BARE_COUNTER = re.compile(r"(?<!rate\()(?<!increase\()\b[a-z_:]\w*_total\b")


@dataclass(frozen=True)
class Complaint:
    rule: str
    dashboard: str
    panel: str
    said: str


def complaints(board: Board, exceptions: Mapping[str, Any]) -> list[Complaint]:
    """exceptions: the parsed `.lint` file beside the dashboard."""
    found = [one for rule, look in RULES.items() for one in _by(rule, board, look)]
    excluded = exceptions.get("exclusions", {})
    return [one for one in found if one.rule not in excluded or not _excepted(one, excluded[one.rule])]


def _excepted(complaint: Complaint, exception: Mapping[str, Any]) -> bool:
    assert exception["reason"]
    entries: Sequence[Mapping[str, str]] = exception.get("entries", [])
    return not entries or {"dashboard": complaint.dashboard, "panel": complaint.panel} in entries


Look = Callable[[Board], Iterator[tuple[str, str]]]


def _by(rule: str, board: Board, look: Look) -> Iterator[Complaint]:
    yield from (Complaint(rule, board["title"], panel, said) for panel, said in look(board))


def _variables(board: Board, kind: str) -> list[Mapping[str, Any]]:
    return [one for one in board["templating"]["list"] if one["type"] == kind]


def _panels(board: Board) -> Iterator[Mapping[str, Any]]:
    yield from (panel for panel in board["panels"] if panel["type"] in _DRAWN)


def _queries(board: Board) -> Iterator[tuple[str, str]]:
    yield from ((panel["title"], target["expr"]) for panel in _panels(board) for target in panel["targets"])


def _source_is_chosen(board: Board) -> Iterator[tuple[str, str]]:
    found = [(one["name"], one["label"], one["query"]) for one in _variables(board, "datasource")]
    if found != [("datasource", "Data source", "prometheus")]:
        yield "", f"{found}"


def _label_is_chosen(label: str) -> Look:
    wanted = {"label": label.title(), "type": "query", "multi": True, "allValue": ".+"}

    def look(board: Board) -> Iterator[tuple[str, str]]:
        found = next((one for one in board["templating"]["list"] if one["name"] == label), None)
        if found is None:
            yield "", f"no variable {label}"
            return
        yield from (("", f"{name} {found.get(name)!r}") for name, value in wanted.items() if found.get(name) != value)
        if found.get("datasource", {}).get("uid") not in SOURCES:
            yield "", "of another data source"

    return look


def _lookups_are_known(board: Board) -> Iterator[tuple[str, str]]:
    yield from (("", one["query"]) for one in _variables(board, "query") if not _LOOKUP.fullmatch(one["query"]))


def _choices_follow_the_time(board: Board) -> Iterator[tuple[str, str]]:
    yield from (("", one["name"]) for one in _variables(board, "query") if one["refresh"] != 2)


def _panel_has_the_source(board: Board) -> Iterator[tuple[str, str]]:
    for panel in _panels(board):
        uids = [one.get("datasource", {}).get("uid") for one in (panel, *panel["targets"])]
        yield from ((panel["title"], f"{uid}") for uid in uids if uid not in SOURCES)


def _panel_is_explained(board: Board) -> Iterator[tuple[str, str]]:
    for panel in board["panels"]:
        if panel["type"] != "row" and not (panel.get("title") and panel.get("description")):
            yield panel.get("title", ""), "no title or description"


def _panel_has_a_unit(board: Board) -> Iterator[tuple[str, str]]:
    for panel in _panels(board):
        if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
            yield panel["title"], f"{panel['fieldConfig']['defaults'].get('unit')}"


def _panel_asks(board: Board) -> Iterator[tuple[str, str]]:
    yield from ((panel["title"], "no queries") for panel in _panels(board) if not panel["targets"])


def _rates_follow_the_scrapes(board: Board) -> Iterator[tuple[str, str]]:
    for title, text in _queries(board):
        yield from ((title, window) for window in _RATE.findall(text) if window != "$__rate_interval")


def _selects(label: str) -> Look:
    wanted = f'{label}=~"${label}"'

    def look(board: Board) -> Iterator[tuple[str, str]]:
        for title, text in _queries(board):
            matchers = _SELECTOR.findall(text)
            # Whatever is not of the form `name{…}` would be overlooked here.
            assert len(matchers) == text.count("{") > 0, text
            yield from ((title, name) for name, inside in matchers if wanted not in inside.split(","))

    return look


def _counters_are_rated(board: Board) -> Iterator[tuple[str, str]]:
    for title, text in _queries(board):
        yield from ((title, name) for name in _BARE_COUNTER.findall(text))


def _is_kept_as_it_is(board: Board) -> Iterator[tuple[str, str]]:
    if board["editable"]:
        yield "", "editable"


# Of Grafana's, those that we may use: https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts.
UNITS = frozenset(
    {"none", "short", "percent", "percentunit", "bytes", "Bps", "s", "reqps", "ops", "cpm", "currencyUSD"}
)

RULES: Mapping[str, Look] = {
    "template-datasource-rule": _source_is_chosen,
    "template-job-rule": _label_is_chosen("job"),
    "template-instance-rule": _label_is_chosen("instance"),
    "template-label-promql-rule": _lookups_are_known,
    "template-on-time-change-reload": _choices_follow_the_time,
    "panel-datasource-rule": _panel_has_the_source,
    "panel-title-description-rule": _panel_is_explained,
    "panel-units-rule": _panel_has_a_unit,
    "panel-no-targets-rule": _panel_asks,
    "target-rate-interval-rule": _rates_follow_the_scrapes,
    "target-job-rule": _selects("job"),
    "target-instance-rule": _selects("instance"),
    "target-counter-agg-rule": _counters_are_rated,
    "uneditable-dashboard-rule": _is_kept_as_it_is,
}
