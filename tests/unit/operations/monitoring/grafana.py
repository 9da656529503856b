"""The part of Grafana's dashboard schema that our files use, field by field.

Taken from the kinds `Dashboard`, `Panel` and `RowPanel` of @grafana/schema 11.6 (Apache-2.0), whose own types the files
were compiled against; a field that is not named here is refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class OneOf:
    """One of these texts or numbers."""

    values: tuple[str | int, ...]


SOURCE = {"type": OneOf(("prometheus",)), "uid": str}
TARGET = {
    "refId": str,
    "datasource": SOURCE,
    "editorMode": OneOf(("code", "builder")),
    "expr": str,
    "legendFormat": str,
    "range": bool,
    "instant": bool,
}
GRID = {"x": int, "y": int, "w": int, "h": int}
STEPS = [{"color": str, "value": (int, float, None)}]
DEFAULTS = {
    "unit": str,
    "color": {"mode": OneOf(("thresholds", "palette-classic"))},
    "thresholds": {"mode": OneOf(("absolute", "percentage")), "steps": STEPS},
    "min?": (int, float),
    "custom?": {
        "drawStyle": OneOf(("line", "bars", "points")),
        "lineWidth": int,
        "fillOpacity": int,
        "thresholdsStyle": {"mode": OneOf(("off", "dashed", "line", "area"))},
    },
}
OPTIONS = {
    "timeseries": {
        "legend": {
            "displayMode": OneOf(("list", "table", "hidden")),
            "placement": OneOf(("bottom", "right")),
            "showLegend": bool,
            "calcs": [str],
        },
        "tooltip": {"mode": OneOf(("single", "multi", "none")), "sort": OneOf(("asc", "desc", "none"))},
    },
    "stat": {
        "reduceOptions": {"calcs": [str], "fields": str, "values": bool},
        "orientation": OneOf(("auto", "horizontal", "vertical")),
        "textMode": OneOf(("auto", "value", "value_and_name", "name", "none")),
        "colorMode": OneOf(("value", "background", "none")),
        "graphMode": OneOf(("none", "line", "area")),
        "justifyMode": OneOf(("auto", "center")),
    },
}
ROW = {"id": int, "type": OneOf(("row",)), "title": str, "collapsed": bool, "gridPos": GRID, "panels": []}
VARIABLE = {
    "name": str,
    "label": str,
    "query": str,
    "hide": int,
    "refresh": OneOf((0, 1, 2)),
    "regex": str,
    "includeAll": bool,
    "multi": bool,
    "skipUrlSync": bool,
    "options": [],
}
VARIABLES = {
    "datasource": {
        **VARIABLE,
        "type": OneOf(("datasource",)),
        "current": {"selected": bool, "text": str, "value": str},
    },
    "query": {
        **VARIABLE,
        "type": OneOf(("query",)),
        "datasource": SOURCE,
        "definition": str,
        "sort": OneOf(tuple(range(9))),
        "allValue": str,
        "current": {"selected": bool, "text": [str], "value": [str]},
    },
}
DASHBOARD = {
    "uid": str,
    "title": str,
    "description": str,
    "tags": [str],
    "schemaVersion": int,
    "version": int,
    "editable": bool,
    "graphTooltip": int,
    "timezone": OneOf(("utc", "browser")),
    "refresh": str,
    "time": {"from": str, "to": str},
    "annotations": {"list": []},
    "links": [],
    "templating": {"list": [dict]},
    "panels": [dict],
}


def faults(board: Mapping[str, Any]) -> list[str]:
    """Where the file is not as Grafana has it."""
    found = list(_faults(board, DASHBOARD, "dashboard"))
    for number, panel in enumerate(board.get("panels", [])):
        found += _faults(panel, _panel(panel), f"panel {number}")
    for number, variable in enumerate(board.get("templating", {}).get("list", [])):
        found += _faults(variable, VARIABLES.get(variable.get("type"), {}), f"variable {number}")
    return found


def _panel(panel: Mapping[str, Any]) -> Mapping[str, Any]:
    if panel.get("type") == "row":
        return ROW
    return {
        "id": int,
        "gridPos": GRID,
        "type": OneOf(tuple(OPTIONS)),
        "title": str,
        "description": str,
        "datasource": SOURCE,
        "targets": [TARGET],
        "fieldConfig": {"defaults": DEFAULTS, "overrides": []},
        "options": OPTIONS.get(str(panel.get("type")), {}),
    }


def _faults(value: Any, wanted: Any, where: str) -> Iterator[str]:
    if isinstance(wanted, Mapping):
        yield from _fields(value, wanted, where)
    elif isinstance(wanted, list):
        if not isinstance(value, list) or (value and not wanted):
            yield f"{where}: {value!r}"
        else:
            for number, one in enumerate(value):
                yield from _faults(one, wanted[0], f"{where}[{number}]")
    elif isinstance(wanted, OneOf):
        if value not in wanted.values:
            yield f"{where}: {value!r}"
    elif not _is(value, wanted):
        yield f"{where}: {value!r}"


def _fields(value: Any, wanted: Mapping[str, Any], where: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{where}: {value!r}"
        return
    known = {name.rstrip("?"): (kind, name.endswith("?")) for name, kind in wanted.items()}
    yield from (f"{where}.{name}: not known" for name in value if name not in known)
    for name, (kind, optional) in known.items():
        if name in value:
            yield from _faults(value[name], kind, f"{where}.{name}")
        elif not optional:
            yield f"{where}.{name}: missing"


def _is(value: Any, wanted: Any) -> bool:
    kinds = wanted if isinstance(wanted, tuple) else (wanted,)
    if isinstance(value, bool):
        return bool in kinds
    return (value is None and None in kinds) or any(kind is not None and isinstance(value, kind) for kind in kinds)
