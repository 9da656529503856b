"""A dashboard as plain data, and the JSON that Grafana loads from a file.

The form is that of Grafana 10 and later: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from ragkeeper.core.figures.holdings import BUILD
from ragkeeper.operations.alerts.expressions import JOB, Expression, Span

DATA_SOURCE = "prometheus"
"""The uid of the data source that is provisioned beside the dashboards, and chosen where nobody chose another."""

_SCHEMA = 39
_COLUMNS = 24
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# What an alert reads of every server, a panel reads of those that its reader chose.
_ALL_SERVERS, _CHOSEN_SERVERS = f'job="{JOB}"', 'job=~"$job",instance=~"$instance"'
_ON_TIME_RANGE_CHANGE = 2


@dataclass(frozen=True, slots=True)
class Query:
    """legend: may hold `{{label}}`. quiet: that there is nothing to show is good news.

    everywhere: of all servers, whichever were chosen.
    """

    asks: Expression
    legend: str
    quiet: bool = False
    everywhere: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture. kind: `timeseries` or `stat`. unit: one of Grafana's.

    limits: from which values on it is yellow and red, or below which, where `falling`.
    """

    title: str
    about: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    limits: tuple[float, ...] = ()
    falling: bool = False
    width: int = 12


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Dashboard:
    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> Iterator[Panel]:
        for row in self.rows:
            yield from row.panels


def grafana(board: Dashboard, span: Span = Span()) -> dict[str, Any]:  # noqa: B008 - frozen
    """span: a rehearsal's windows are shorter here too."""
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.about,
        "tags": ["ragkeeper"],
        "schemaVersion": _SCHEMA,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "utc",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": [_source(), *_servers()]},
        "panels": list(_placed(board.rows, span)),
    }


def promql(query: Query, span: Span = Span()) -> str:  # noqa: B008 - frozen
    """With Grafana's variables `$job` and `$instance` in it."""
    text = query.asks.promql(span).replace("\n", " ")
    return text if query.everywhere else text.replace(_ALL_SERVERS, _CHOSEN_SERVERS)


def _source() -> dict[str, Any]:
    """The data source is chosen in Grafana: no name of an installation stands in the file."""
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "hide": 0,
        "refresh": 1,
        "regex": "",
        "includeAll": False,
        "multi": False,
        "skipUrlSync": False,
        "current": {"selected": True, "text": "Prometheus", "value": DATA_SOURCE},
        "options": [],
    }


def _servers() -> Iterator[dict[str, Any]]:
    """Which ones are shown: ragkeeper's, not whatever else exports figures of the same name."""
    yield _choice("job", f"label_values({BUILD.name}, job)", JOB, JOB)
    yield _choice("instance", f'label_values({BUILD.name}{{job=~"$job"}}, instance)', "All", "$__all")


def _choice(label: str, query: str, text: str, value: str) -> dict[str, Any]:
    """One or several values of the label; text, value: what is chosen where nobody chose."""
    return {
        "name": label,
        "label": label.title(),
        "type": "query",
        "datasource": _SOURCE,
        "query": query,
        "definition": query,
        "hide": 0,
        "refresh": _ON_TIME_RANGE_CHANGE,
        "regex": "",
        "sort": 1,
        "includeAll": True,
        "allValue": ".+",
        "multi": True,
        "skipUrlSync": False,
        "current": {"selected": True, "text": [text], "value": [value]},
        "options": [],
    }


def _placed(rows: Sequence[Row], span: Span) -> Iterator[dict[str, Any]]:
    """Each row under the one before, its panels from left to right."""
    ids, y = count(1), 0
    for row in rows:
        yield {
            "id": next(ids),
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": y, "w": _COLUMNS, "h": 1},
            "panels": [],
        }
        y, x, height = y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > _COLUMNS:
                y, x, height = y + height, 0, 0
            tall = 4 if panel.kind == "stat" else 8
            yield {"id": next(ids), "gridPos": {"x": x, "y": y, "w": panel.width, "h": tall}, **_panel(panel, span)}
            x, height = x + panel.width, max(height, tall)
        y += height


def _panel(panel: Panel, span: Span) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "targets": [_target(query, chr(ord("A") + number), span) for number, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _OPTIONS[panel.kind],
    }


def _target(query: Query, letter: str, span: Span) -> dict[str, Any]:
    return {
        "refId": letter,
        "datasource": _SOURCE,
        "editorMode": "code",
        "expr": promql(query, span),
        "legendFormat": query.legend,
        "range": True,
        "instant": False,
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    found: dict[str, Any] = {
        "unit": panel.unit,
        "color": {"mode": "thresholds" if panel.kind == "stat" else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": list(_steps(panel))},
    }
    if panel.kind == "timeseries":
        shown = "dashed" if panel.limits else "off"
        found["min"] = 0
        found["custom"] = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "thresholdsStyle": {"mode": shown}}
    return found


def _steps(panel: Panel) -> Iterator[dict[str, Any]]:
    colours = ["green", "yellow", "red"] if len(panel.limits) > 1 else ["green", "red"]
    if panel.falling:
        colours.reverse()
    yield {"color": colours[0], "value": None}
    for colour, limit in zip(colours[1:], sorted(panel.limits), strict=False):
        yield {"color": colour, "value": limit}


_REDUCED = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: dict[str, dict[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": _REDUCED,
        "orientation": "auto",
        "textMode": "auto",
        "colorMode": "background",
        "graphMode": "area",
        "justifyMode": "auto",
    },
}
