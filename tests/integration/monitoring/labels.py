"""Which labels and bounds the series of an expression have, by a scrape of a live server."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from ragkeeper.operations.alerts.conditions import bucket
from ragkeeper.operations.alerts.expressions import (
    Absent,
    Aggregate,
    Arithmetic,
    Compare,
    Either,
    Expression,
    Number,
    Quantile,
    Select,
)

Sample = tuple[str, dict[str, str]]
# Prometheus itself puts these on every series.
_TARGET = frozenset({"job", "instance"})


def parts(expression: Any) -> Iterator[Any]:
    """The expression and all that it is made of."""
    yield expression
    for field in fields(expression):
        below = getattr(expression, field.name)
        if hasattr(below, "selects"):
            yield from parts(below)


def labels(expression: Any, scrape: Sequence[Sample]) -> frozenset[str]:
    """Those that each of its series has."""
    match expression:
        case Select():
            return _TARGET | _common(_series(expression, scrape))
        case Aggregate():
            return frozenset(expression.by)
        case Quantile():
            return labels(expression.of, scrape) - {"le"}
        case Absent():
            return _given(expression)
        case Either():
            return labels(expression.left, scrape) & labels(expression.right, scrape)
        case Arithmetic() if isinstance(expression.left, Number):
            return labels(expression.right, scrape)
    return labels(expression.of if hasattr(expression, "of") else expression.left, scrape)


def not_grouped_by(expression: Expression, scrape: Sequence[Sample]) -> list[str]:
    """Labels that it groups by and that its series lack."""
    groups = [part for part in parts(expression) if isinstance(part, Aggregate)]
    return [label for group in groups for label in sorted(set(group.by) - labels(group.of, scrape))]


def not_filled(text: str, expression: Expression, scrape: Sequence[Sample]) -> list[str]:
    """Placeholders of a legend (`{{label}}`) or a text (`{label}`) that the expression's series do not fill."""
    return sorted(set(re.findall(r"\{\s*(\w+)\s*\}", text)) - labels(expression, scrape))


def without_bucket(expression: Expression, limits: Sequence[float], scrape: Sequence[Sample]) -> list[float]:
    """Limits of its quantiles that are no bound of a bucket: between two Prometheus guesses, beyond all it is blind."""
    compared = [part for part in parts(expression) if isinstance(part, Compare) and isinstance(part.left, Quantile)]
    asked = [(one.left, one.right.value) for one in compared if isinstance(one.right, Number)]
    asked += [(part, limit) for part in parts(expression) if isinstance(part, Quantile) for limit in limits]
    return [limit for shown, limit in asked if bucket(limit) not in _bounds(shown, scrape)]


def _bounds(shown: Quantile, scrape: Sequence[Sample]) -> set[str]:
    """Those of the buckets that it reads."""
    return {series["le"] for select in shown.selects() for series in _series(select, scrape) if "le" in series}


def _series(select: Select, scrape: Sequence[Sample]) -> list[dict[str, str]]:
    """The live series that it holds; of one that holds none now, as nothing is wrong, all of the metric."""
    found = [given for name, given in scrape if name == select.name]
    return [given for given in found if select.holds(given)] or found


def _common(series: Sequence[dict[str, str]]) -> frozenset[str]:
    return frozenset.intersection(*(frozenset(one) for one in series)) if series else frozenset()


def _given(absent: Absent) -> frozenset[str]:
    """What Prometheus knows of a series that is not there: what was asked for, where that is one value."""
    if not isinstance(absent.of, Select):
        return frozenset()
    sure = {match.label for match in absent.of.where if len(match.values) == 1 and not match.negated}
    return frozenset(sure | ({"job"} if absent.of.job else set()))
