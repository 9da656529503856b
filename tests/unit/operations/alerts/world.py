"""Figures as they are at a moment, for expressions."""

from collections.abc import Iterable

from ragkeeper.core.metrics import HTTP_REQUESTS, HTTP_SECONDS
from ragkeeper.operations.alerts.expressions import Match, Select
from ragkeeper.operations.alerts.samples import Figure, Recent

GOOD = Select(HTTP_REQUESTS, (Match("status", ("200",)),))
ALL = Select(HTTP_REQUESTS)
BUCKETS = Select(HTTP_SECONDS, (), "_bucket")


def request(status: str, value: float, path: str = "/chat") -> Figure:
    return HTTP_REQUESTS.name, {"method": "POST", "path": path, "status": status}, value


def recent(*rows: Iterable[Figure], every: float = 15.0, selects: tuple[Select, ...] = (ALL, BUCKETS)) -> Recent:
    """One row after the other."""
    found = Recent(selects)
    for number, row in enumerate(rows):
        found.add(number * every, row)
    return found
