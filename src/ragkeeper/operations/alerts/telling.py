"""Who is told of what: what is new to each channel, what another alert says already, what somebody silenced. No I/O."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ragkeeper.core.job_log import FailedJob
from ragkeeper.operations.alerts.evaluation import Active, Key
from ragkeeper.operations.alerts.failures import REPEAT_SECONDS
from ragkeeper.operations.alerts.messages import News, Notice
from ragkeeper.operations.alerts.models import Severity

MOST_FAILED, MOST_PAST = 1000, 200
"""Of what waits for one channel: jobs that failed, and alerts that are over."""

_REPEAT = timedelta(seconds=REPEAT_SECONDS)
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


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one channel. told: and when; new: never told, and it goes on; past: its end was never told."""

    told: tuple[tuple[datetime, Notice], ...] = ()
    new: tuple[Notice, ...] = ()
    past: tuple[Notice, ...] = ()
    failed: tuple[FailedJob, ...] = ()


class Told:
    """What one channel was told and when, and what waits until it can be told."""

    def __init__(self) -> None:
        self._told: dict[Key, tuple[datetime, Notice]] = {}
        self._new: dict[Key, Notice] = {}
        self._past: deque[Notice] = deque(maxlen=MOST_PAST)
        self._failed: deque[FailedJob] = deque(maxlen=MOST_FAILED)
        self._hearable: set[Key] = set()
        self._restored: set[Key] = set()

    @property
    def urgent(self) -> bool:
        """Something critical waits that was never told."""
        return any(one.alert.severity is Severity.CRITICAL for one in self._new.values())

    def failed(self, jobs: Iterable[FailedJob]) -> None:
        """They are told with the next news; of very many the newest."""
        self._failed.extend(jobs)

    def look(
        self, hearable: Sequence[Active], active: Mapping[Key, Active], now: datetime, *, settled: bool = True
    ) -> None:
        """hearable: what people should hear of; active: all that is, whether they should or not.

        settled: figures have been there for long enough to say that what was so before a restart is over.
        """
        self._restored = set() if settled else self._restored - active.keys()
        for key in [*self._told, *self._new]:
            if key not in active and key not in self._restored:
                self._end(key, now)
        self._hearable = {one.key for one in hearable}
        for key in [key for key in self._new if key in active and active[key].firing and key not in self._hearable]:
            del self._new[key]  # somebody silenced it, or the worse level says it
        for one in hearable:
            if one.key not in self._told and one.key not in self._new:
                self._new[one.key] = Notice(one.alert, one.labels, now - timedelta(seconds=one.age))

    def news(self, now: datetime) -> News:
        """All that waits."""
        due = [one for at, one in self._told.values() if now - at >= _REPEAT and one.key in self._hearable]
        firing = sorted([*self._new.values(), *due], key=_worst_first)
        return News(tuple(firing), tuple(self._past), tuple(self._failed))

    def heard(self, news: News, now: datetime) -> None:
        """The news arrived. Since it left, more may have begun and ended."""
        told_of = {one.identity for one in news.over}
        left = [one for one in self._past if one.identity not in told_of]
        for one in news.firing:
            if not any(past.identity == one.identity for past in left):
                self._has_heard(one, now)
        begun = {one.identity for one in news.firing}
        self._past = deque((replace(one, known=one.known or one.identity in begun) for one in left), maxlen=MOST_PAST)
        heard = set(news.failed)
        self._failed = deque((job for job in self._failed if job not in heard), maxlen=MOST_FAILED)

    def memory(self) -> Memory:
        """What a restart must not lose."""
        return Memory(tuple(self._told.values()), tuple(self._new.values()), tuple(self._past), tuple(self._failed))

    def remember(self, memory: Memory) -> None:
        self._told = {one.key: (at, one) for at, one in memory.told}
        self._new = {one.key: one for one in memory.new}
        self._past.extend(memory.past)
        self._failed.extend(memory.failed)
        self._restored = {*self._told, *self._new}

    def _end(self, key: Key, now: datetime) -> None:
        known = key in self._told
        one = self._told.pop(key)[1] if known else self._new.pop(key)
        self._past.append(replace(one, ended=now, known=known))

    def _has_heard(self, one: Notice, now: datetime) -> None:
        newer = self._new.get(one.key)
        if newer is None or newer.identity == one.identity:
            self._new.pop(one.key, None)
            self._told[one.key] = (now, one)


def _worst_first(one: Notice) -> tuple[str, str, list[tuple[str, str]]]:
    return one.alert.severity.value, one.alert.title, sorted(one.labels)
