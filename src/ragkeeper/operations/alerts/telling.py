"""Who is told of what: what is new to each channel, what another alert says already, what somebody silenced. No I/O."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ragkeeper.core.job_log import FailedJob
from ragkeeper.operations.alerts.evaluation import Active, Key
from ragkeeper.operations.alerts.failures import REPEAT_SECONDS
from ragkeeper.operations.alerts.messages import News
from ragkeeper.operations.alerts.models import Severity

_MOST_FAILED = 1000
# The first says what the second would.
_SAME = (
    ("DatabaseDown", "PostgresDown"),
    ("DatabaseDown", "FiguresStale"),
    ("HighResponseTime", "HighLatency"),
)


@dataclass(frozen=True, slots=True)
class Silence:
    """alert: a name, or a name with its severity."""

    alert: str
    until: datetime
    by: str
    reason: str = ""


def loud(firing: Iterable[Active], silences: Sequence[Silence], now: datetime) -> list[Active]:
    """What people should hear of."""
    found = list(firing)
    silent = {one.alert for one in silences if now < one.until}
    said = {one.alert.name for one in found}
    worst = {(one.alert.name, one.labels) for one in found if one.alert.severity is Severity.CRITICAL}
    return [
        one
        for one in found
        if not silent & {one.alert.name, one.alert.id}
        and (one.alert.severity is Severity.CRITICAL or (one.alert.name, one.labels) not in worst)
        and not any(one.alert.name == second and first in said for first, second in _SAME)
    ]


class Told:
    """What one channel was told, and when."""

    def __init__(self) -> None:
        self._told: dict[Key, tuple[float, Active]] = {}
        self._failed: deque[FailedJob] = deque(maxlen=_MOST_FAILED)

    def failed(self, jobs: Iterable[FailedJob]) -> None:
        """They are told with the next news; of very many the newest."""
        self._failed.extend(jobs)

    def news(self, hearable: Sequence[Active], active: Mapping[Key, Active], now: float) -> News:
        """hearable: what people should hear of; active: all that is, whether they should or not."""
        new = [one for one in hearable if self._due(one.key, now)]
        over = [one for key, (_, one) in self._told.items() if key not in active]
        return News(tuple(new), tuple(over), tuple(self._failed))

    def heard(self, news: News, now: float) -> None:
        """The news arrived."""
        self._told |= {one.key: (now, one) for one in news.firing}
        for one in news.over:
            self._told.pop(one.key, None)
        heard = set(news.failed)
        self._failed = deque((job for job in self._failed if job not in heard), maxlen=_MOST_FAILED)

    def _due(self, key: Key, now: float) -> bool:
        return key not in self._told or now - self._told[key][0] >= REPEAT_SECONDS
