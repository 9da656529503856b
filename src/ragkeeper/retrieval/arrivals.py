"""How long contents take to be found, and until all their vectors are there."""

from dataclasses import dataclass
from datetime import datetime

from ragkeeper.core.figures.work import FRESHNESS, INGEST_SECONDS
from ragkeeper.core.job_log import job_completed
from ragkeeper.core.metrics import Metrics
from ragkeeper.documents.service import Indexed

_MOST = 100_000


@dataclass(frozen=True, slots=True)
class _Found:
    accepted: datetime
    at: datetime


class Arrivals:
    """Follows what is new: a content whose vectors are made anew for another model has arrived long ago."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._found: dict[str, _Found] = {}

    def note(self, indexed: Indexed) -> None:
        for version, accepted in indexed.found.items():
            if len(self._found) < _MOST:
                self._found[version] = _Found(accepted, indexed.at)
            self._metrics.observe(FRESHNESS, _seconds(accepted, indexed.at))
        for version in indexed.done:
            if (found := self._found.pop(version, None)) is not None:
                self._metrics.observe(INGEST_SECONDS, _seconds(found.at, indexed.at), step="embed")
                job_completed(self._metrics, "document", version, _seconds(found.accepted, indexed.at))


def _seconds(begin: datetime, end: datetime) -> float:
    return max((end - begin).total_seconds(), 0.0)
