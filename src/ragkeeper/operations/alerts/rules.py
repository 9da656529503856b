"""The table of alerts: those of the guides with their thresholds, and those that the guides lack.

Where guides disagree, the stricter is a warning and the looser critical. docs/reference/alerts.md shows the table with
the faults that made each fire.

Backups, drills, certificates and canary documents have no alert yet: what they would watch does not exist yet.
"""

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import replace

from ragkeeper.core.instruments import Histogram
from ragkeeper.operations.alerts import answering, keeping, machine
from ragkeeper.operations.alerts.conditions import QuantileAbove
from ragkeeper.operations.alerts.errors import PeriodUnusable, ThresholdUnusable
from ragkeeper.operations.alerts.models import Alert, Scene


def alerts(scene: Scene) -> tuple[Alert, ...]:
    """Every rule, with an operator's thresholds. Raises ThresholdUnusable."""
    table = (*answering.table(scene), *keeping.table(), *machine.table())
    known = {one.id for one in table}
    for name in scene.thresholds:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            raise ThresholdUnusable(given=name, reason=f"no alert has it{f'; {near[0]} does' if near else ''}")
    return tuple(_set(one, scene) for one in table)


def parsed_thresholds(text: str) -> Mapping[str, float]:
    """`HighErrorRate.warning=0.02, DiskSpaceLow.critical=0.05`. Raises ThresholdUnusable."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    return {name.strip(): _number(name.strip(), value) for name, _, value in pairs}


def seconds(period: str) -> float:
    """`90s`, `10m`, `2h`, `1d`. Raises PeriodUnusable."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", period.strip())
    if not found:
        raise PeriodUnusable(period=period)
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ThresholdUnusable(given=f"{name}={text.strip()}", reason="it has no number")
    return value


def _set(alert: Alert, scene: Scene) -> Alert:
    wanted = scene.thresholds.get(alert.id)
    if wanted is None:
        return replace(alert, owner=scene.owner)
    lowest, highest = alert.condition.limits
    if isinstance(alert.condition, QuantileAbove):
        highest = _last_bound(alert.condition.histogram)
    if not lowest < wanted < highest:
        reason = f"it must lie between {lowest:g} and {highest:g}"
        raise ThresholdUnusable(given=f"{alert.id}={wanted:g}", reason=reason)
    condition = replace(alert.condition, threshold=wanted)  # type: ignore[type-var]
    if wanted == alert.condition.threshold:
        return replace(alert, owner=scene.owner, condition=condition)
    # The texts name the limit that the table has.
    said = f"{alert.description} Its limit was set to {wanted:g} here, in place of {alert.condition.threshold:g}."
    return replace(alert, owner=scene.owner, condition=condition, description=said)


def _last_bound(histogram: Histogram) -> float:
    """A quantile is never shown as more than the last finite bound."""
    return histogram.buckets[-1]
