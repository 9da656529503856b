"""Evaluates the alerts on this process's own figures and tells people, with no Prometheus at all."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ragkeeper.core.access import Caller
from ragkeeper.core.clock import Clock
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.job_log import FailedJobs
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.alerts import repository
from ragkeeper.operations.alerts.aside import Aside
from ragkeeper.operations.alerts.channels.port import Channel
from ragkeeper.operations.alerts.delivery import Delivery
from ragkeeper.operations.alerts.errors import AlertUnknown, NobodyToTell, NotDelivered
from ragkeeper.operations.alerts.evaluation import Active, Key, by_name, evaluated
from ragkeeper.operations.alerts.failures import JOB_FAILED, Repeats
from ragkeeper.operations.alerts.heartbeat import Heartbeat
from ragkeeper.operations.alerts.messages import Sender, proof
from ragkeeper.operations.alerts.models import Alert
from ragkeeper.operations.alerts.remembering import UNREADABLE, read, written
from ragkeeper.operations.alerts.samples import Figure, Recent
from ragkeeper.operations.alerts.telling import Memory, Silence, loud
from ragkeeper.storage.sql.database import Database

_log = structlog.get_logger()

_EVERY = 15.0

SETTLED_SECONDS = 300.0
"""After a start, until what was told before it can be called over: many figures need minutes to say anything."""

Refresh = Callable[[], Awaitable[None]]
"""Brings gauges up to date that are looked up for each scrape. Must not raise."""


class AlertService:
    """`start` once the figures are there."""

    def __init__(
        self,
        alerts: Sequence[Alert],
        channels: Sequence[Channel],
        database: Database,
        metrics: Metrics,
        refresh: Refresh,
        clock: Clock,
        *,
        sender: Sender,
        heartbeat: Heartbeat | None = None,
        failed: FailedJobs | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._alerts = alerts
        self._deliveries = [Delivery(channel, metrics, sender, clock, monotonic) for channel in channels]
        self._database = database
        self._metrics = metrics
        self._refresh = refresh
        self._clock = clock
        self._sender = sender
        self._heartbeat = heartbeat or Heartbeat("")
        self._failed = failed or FailedJobs(metrics)
        self._repeats = Repeats()
        self._monotonic = monotonic
        self._began = monotonic()
        self._recent = Recent(select for alert in alerts for select in alert.condition.expression.selects())
        self._active: dict[Key, Active] = {}
        self._silences: list[Silence] = []
        self._kept = self._memory()
        self._keeping = Aside("alerts told")
        self._task: asyncio.Task[None] | None = None

    async def start(self, every: float = _EVERY) -> None:
        """every: seconds between two looks."""
        async with self._database.read() as sql:
            self._silences = await repository.silences(sql)
            self._remember(await repository.told(sql))
        self._task = asyncio.create_task(self._watch(every), name="alerts")

    async def stop(self) -> None:
        """What is being sent may arrive and is sent again by the next start."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(one.stop() for one in self._asides()))
        self._note_failed()
        self._keeping.start(self._keep)
        await self._keeping.ended()

    @property
    def channels(self) -> dict[str, str]:
        """Each channel with what its last message failed with, empty where it arrived."""
        return {one.name: one.trouble for one in self._deliveries}

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
        """Send a test by every channel, whichever fails; returns their names.

        Raises Forbidden, NobodyToTell, NotDelivered.
        """
        caller.require_admin("send a test message")
        if not self._deliveries:
            raise NobodyToTell
        test = proof(self._sender, self._clock())
        found = await asyncio.gather(*(one.send(test) for one in self._deliveries), return_exceptions=True)
        failed = [error for error in found if isinstance(error, NotDelivered)]
        others = [error for error in found if isinstance(error, BaseException) and error not in failed]
        if others:
            raise others[0]
        sent = [one.name for one, error in zip(self._deliveries, found, strict=True) if error is None]
        if failed:
            raise _together(failed, sent)
        return sent

    async def look(self) -> None:
        """Take the figures, see what is active, and begin to tell who has not been told."""
        await self._refresh()
        now, moment = self._monotonic(), self._clock()
        families = await asyncio.to_thread(self._metrics.families)
        self._recent.add(now, _figures(families))
        self._active = evaluated(self._alerts, self._recent, now, self._active)
        firing = by_name(one for one in self._active.values() if one.firing)
        hearable = loud(firing, self._silences, moment)
        self._note_failed()
        for one in self._deliveries:
            one.told.look(hearable, self._active, moment, settled=now - self._began >= SETTLED_SECONDS)
            one.tell()
        self._keeping.start(self._keep)

    async def sent(self) -> None:
        """Wait until what is being sent has arrived or failed, and is remembered."""
        await asyncio.gather(*(one.ended() for one in self._asides()))

    def _asides(self) -> list[Aside]:
        return [*(one.aside for one in self._deliveries), self._heartbeat.aside, self._keeping]

    def _note_failed(self) -> None:
        """Jobs that failed while that is silenced are in the log and in their list, as all are; nobody was told."""
        jobs, now = self._failed.take(), self._clock()
        if JOB_FAILED not in {one.alert for one in self._silences if now < one.until}:
            new = self._repeats.new(jobs, now.timestamp())
            for one in self._deliveries:
                one.told.failed(new)

    async def _watch(self, every: float) -> None:
        while True:
            try:
                await self.look()
                self._heartbeat.beat()
            except Exception as error:  # noqa: BLE001 - a watch that ends would never tell anybody of anything again
                _log.error("alerts_not_evaluated", exc_info=error)
            await asyncio.sleep(every)

    def _memory(self) -> dict[str, Any]:
        channels = {one.name: written(one.told.memory()) for one in self._deliveries}
        return {"channels": channels, "repeats": self._repeats.memory()}

    def _remember(self, value: Any) -> None:
        """What cannot be read is told anew: that is no reason not to start."""
        if value is None:
            return
        try:
            memories = {name: read(one, self._alerts) for name, one in value["channels"].items()}
            self._repeats.remember(value["repeats"])
        except UNREADABLE as error:
            _log.warning("alerts_told_ignored", reason=f"{type(error).__name__}: {error}")
            return
        self._kept = value
        for one in self._deliveries:
            one.told.remember(memories.get(one.name, Memory()))

    async def _keep(self) -> None:
        """Only what changed. A disk that takes nothing is a reason to tell people, not to stop telling them."""
        value = self._memory()
        if value == self._kept:
            return
        try:
            async with self._database.write() as sql:
                await repository.store_told(sql, value, self._clock())
        except (RagkeeperError, SQLAlchemyError) as error:
            _log.warning("alerts_told_not_kept", reason=type(error).__name__)
        else:
            self._kept = value


def _together(failed: Sequence[NotDelivered], sent: Sequence[str]) -> NotDelivered:
    """One error for all channels that failed. It says what left all the same."""
    [first, *more] = failed
    reason = "; by ".join(
        [str(first.fields["reason"]), *(f"{one.fields['channel']}: {one.fields['reason']}" for one in more)]
    )
    left = f"; it was sent by {', '.join(sent)}" if sent else ""
    return NotDelivered(channel=first.fields["channel"], reason=f"{reason}{left}")


def _figures(families: Iterable[object]) -> Iterator[Figure]:
    for family in families:
        for sample in family.samples:  # type: ignore[attr-defined]
            yield sample.name, sample.labels, sample.value
