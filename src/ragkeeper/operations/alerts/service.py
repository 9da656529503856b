"""Evaluates the alerts on this process's own figures and tells people, with no Prometheus at all."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import timedelta

import httpx
import structlog

from ragkeeper.core.access import Caller
from ragkeeper.core.clock import Clock
from ragkeeper.core.job_log import FailedJobs
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.alerts import repository
from ragkeeper.operations.alerts.channels.port import Channel
from ragkeeper.operations.alerts.errors import AlertUnknown, NobodyToTell, NotDelivered
from ragkeeper.operations.alerts.evaluation import Active, Key, by_name, evaluated
from ragkeeper.operations.alerts.failures import JOB_FAILED, Repeats
from ragkeeper.operations.alerts.messages import message, proof
from ragkeeper.operations.alerts.models import Alert
from ragkeeper.operations.alerts.samples import Figure, Recent
from ragkeeper.operations.alerts.telling import Silence, Told, loud
from ragkeeper.storage.sql.database import Database

_log = structlog.get_logger()

_EVERY = 15.0
_HEARTBEAT_EVERY = 60.0
_HEARTBEAT_LIMIT = 10.0

Refresh = Callable[[], Awaitable[None]]
"""Brings gauges up to date that are looked up for each scrape. Must not raise."""


class AlertService:
    """`start` once the figures are there. heartbeat: an address that is called while this goes on; empty for none."""

    def __init__(
        self,
        alerts: Sequence[Alert],
        channels: Sequence[Channel],
        database: Database,
        metrics: Metrics,
        refresh: Refresh,
        clock: Clock,
        *,
        runbooks: str,
        heartbeat: str = "",
        failed: FailedJobs | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._alerts = alerts
        self._channels = [(channel, Told()) for channel in channels]
        self._database = database
        self._metrics = metrics
        self._refresh = refresh
        self._clock = clock
        self._runbooks = runbooks
        self._heartbeat = heartbeat
        self._failed = failed or FailedJobs(metrics)
        self._repeats = Repeats()
        self._monotonic = monotonic
        self._recent = Recent(select for alert in alerts for select in alert.condition.expression.selects())
        self._active: dict[Key, Active] = {}
        self._silences: list[Silence] = []
        self._beaten = -math.inf
        self._troubles: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self, every: float = _EVERY) -> None:
        """every: seconds between two looks."""
        async with self._database.read() as sql:
            self._silences = await repository.silences(sql)
        self._task = asyncio.create_task(self._watch(every), name="alerts")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def channels(self) -> dict[str, str]:
        """Each channel with what its last message failed with, empty where it arrived."""
        return {channel.name: self._troubles.get(channel.name, "") for channel, _ in self._channels}

    def active(self, caller: Caller) -> list[Active]:
        """Raises Forbidden."""
        caller.require_admin("see alerts")
        return by_name(self._active.values())

    def silences(self, caller: Caller) -> list[Silence]:
        """Those that still hold. Raises Forbidden."""
        caller.require_admin("see silences")
        return [one for one in self._silences if self._clock() < one.until]

    async def silence(self, caller: Caller, alert: str, period: timedelta, reason: str) -> list[Silence]:
        """Tell nobody of it for so long; no time ends a silence. Raises Forbidden, AlertUnknown, NotWritten."""
        caller.require_admin("silence an alert")
        if alert not in {JOB_FAILED, *(name for one in self._alerts for name in (one.name, one.id))}:
            raise AlertUnknown(name=alert)
        now = self._clock()
        kept = [one for one in self._silences if now < one.until and one.alert != alert]
        if period > timedelta(0):
            kept.append(Silence(alert, now + period, caller.id, reason))
        async with self._database.write() as sql:
            await repository.store(sql, kept, now)
        self._silences = kept
        return kept

    async def test(self, caller: Caller) -> list[str]:
        """Send a test by every channel; returns their names. Raises Forbidden, NobodyToTell, NotDelivered."""
        caller.require_admin("send a test message")
        if not self._channels:
            raise NobodyToTell
        for channel, _ in self._channels:
            await channel.send(proof(self._clock()))
        return [channel.name for channel, _ in self._channels]

    async def look(self) -> None:
        """Take the figures, see what is active, and tell who has not been told."""
        await self._refresh()
        now = self._monotonic()
        families = await asyncio.to_thread(self._metrics.families)
        self._recent.add(now, _figures(families))
        self._active = evaluated(self._alerts, self._recent, now, self._active)
        firing = by_name(one for one in self._active.values() if one.firing)
        hearable = loud(firing, self._silences, self._clock())
        self._note_failed(now)
        await asyncio.gather(*(self._tell(channel, told, hearable, now) for channel, told in self._channels))

    def _note_failed(self, now: float) -> None:
        """Jobs that failed while that is silenced are in the log and in their list, as all are."""
        jobs = self._repeats.new(self._failed.take(), now)
        if JOB_FAILED not in {one.alert for one in self._silences if self._clock() < one.until}:
            for _, told in self._channels:
                told.failed(jobs)

    async def _watch(self, every: float) -> None:
        while True:
            try:
                await self.look()
                await self._beat()
            except Exception as error:  # noqa: BLE001 - a watch that ends would never tell anybody of anything again
                _log.error("alerts_not_evaluated", exc_info=error)
            await asyncio.sleep(every)

    async def _tell(self, channel: Channel, told: Told, hearable: Sequence[Active], now: float) -> None:
        """What does not arrive is new the next time."""
        news = told.news(hearable, self._active, now)
        if not news:
            return
        try:
            await channel.send(message(news, self._runbooks, self._clock()))
        except NotDelivered as error:
            self._troubles[channel.name] = error.message
            _log.error("alert_not_delivered", channel=channel.name, reason=error.message)
        else:
            self._troubles.pop(channel.name, None)
            told.heard(news, now)
            told_of = {"firing": _titles(news.firing), "over": _titles(news.over), "failed": len(news.failed)}
            _log.info("alerts_told", channel=channel.name, **told_of)

    async def _beat(self) -> None:
        """Whoever waits for it tells when it stays away: of a server that is gone, nobody here can."""
        if not self._heartbeat or self._monotonic() - self._beaten < _HEARTBEAT_EVERY:
            return
        self._beaten = self._monotonic()
        try:
            async with httpx.AsyncClient(timeout=_HEARTBEAT_LIMIT) as client:
                (await client.get(self._heartbeat)).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _log.warning("heartbeat_not_taken", reason=type(error).__name__)


def _titles(active: Iterable[Active]) -> list[str]:
    return [one.alert.title for one in active]


def _figures(families: Iterable[object]) -> Iterator[Figure]:
    for family in families:
        for sample in family.samples:  # type: ignore[attr-defined]
            yield sample.name, sample.labels, sample.value
