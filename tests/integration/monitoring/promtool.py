"""The courses as a test file for `promtool test rules`."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from ragkeeper.operations.alerts.models import Alert
from ragkeeper.operations.monitoring.models import Plan
from ragkeeper.operations.monitoring.prometheus import rule
from tests.integration.monitoring.cases import ALERTS, Case, Series, Stage


def course_file(cases: Iterable[Case], rule_file: str, step: float, plan: Plan) -> str:
    """JSON is YAML. Rules are evaluated as often as there are samples."""
    tests = [_test(case, plan) for case in cases if case.step == step]
    return json.dumps({"rule_files": [rule_file], "evaluation_interval": f"{step:g}s", "tests": tests})


def expected(case: Case, stage: Stage, plan: Plan) -> Iterator[Mapping[str, Any]]:
    """The alerts that fire when the stage ends, as Prometheus names them."""
    for alert in ALERTS:
        if alert.name == case.name and level(alert) in stage.firing:
            written = rule(alert, plan)
            yield {
                "exp_labels": {**case.labels, **written["labels"]},
                "exp_annotations": {name: _filled(text, case.labels) for name, text in written["annotations"].items()},
            }


def level(alert: Alert) -> str:
    return alert.title.removeprefix(f"{alert.name}.")


def _test(case: Case, plan: Plan) -> dict[str, Any]:
    columns = list(zip(*case.samples(), strict=True))
    return {
        "name": case.name,
        "interval": f"{case.step:g}s",
        "input_series": [
            {"series": _notation(series), "values": _values(column)}
            for series, column in zip(case.series, columns, strict=True)
        ],
        "alert_rule_test": [
            {"eval_time": f"{end:g}s", "alertname": case.name, "exp_alerts": list(expected(case, stage, plan))}
            for end, stage in case.ends()
        ],
    }


def _notation(series: Series) -> str:
    inside = ",".join(f'{name}="{value}"' for name, value in series.labels.items())
    return f"{series.name}{{{inside}}}"


def _values(column: Iterable[float | None]) -> str:
    """Equal values one after the other are written once."""
    return " ".join(_run(value, len(list(run))) for value, run in groupby(column))


def _run(value: float | None, times: int) -> str:
    if value is None:
        return f"_x{times}"
    if math.isnan(value):
        return " ".join(["NaN"] * times)
    return f"{value!r}+0x{times - 1}" if times > 1 else repr(value)


def _filled(text: str, labels: Mapping[str, str]) -> str:
    for name, value in labels.items():
        text = text.replace(f"{{{{ $labels.{name} }}}}", value)
    return text
