"""Keeps what is missing and what was forced, and says which step is in force."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from ragkeeper.core.access import Caller
from ragkeeper.core.clock import Clock
from ragkeeper.core.metrics import DEGRADATION_CAUSE, DEGRADATION_STEP, Metrics
from ragkeeper.operations.degradation import repository, rules
from ragkeeper.operations.degradation.errors import ReadOnly
from ragkeeper.operations.degradation.models import Causes, Degradation, Forced, Seen, Step
from ragkeeper.operations.degradation.ports import Audit, Observe
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.errors import NotWritten

_log = structlog.get_logger()

_LOOK_EVERY = 1.0
# While the database takes no changes it is asked this often whether it does again, in seconds.
_PROVE_EVERY = 5.0


class DegradationService:
    """`start` before the first request. What is seen is told; what is forced is obeyed as well.

    Nothing that is only seen is held back: trying is how the server finds out that it works again, and what fails
    often has a breaker of its own.
    """

    def __init__(self, database: Database, metrics: Metrics, clock: Clock, audit: Audit) -> None:
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._audit = audit
        self._forced: Forced | None = None
        self._causes: Causes = {}
        self._told: tuple[object, ...] = ()
        self._proved = 0.0
        self._unstored = False
        self._task: asyncio.Task[None] | None = None

    async def start(self, observe: Observe, every: float = _LOOK_EVERY) -> None:
        """every: seconds between two looks."""
        async with self._database.read() as sql:
            self._forced = await repository.stored_forced(sql)
        await self.look(await observe())
        self._task = asyncio.create_task(self._watch(observe, every), name="degradation")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def now(self) -> Degradation:
        return rules.in_force(self._causes.values(), self.forced)

    @property
    def forced(self) -> Forced | None:
        """What an administrator wants, for as long as it holds."""
        return rules.still_forced(self._forced, self._clock()) if self._forced else None

    @property
    def held_to(self) -> Step:
        """The best step that answers may have because somebody said so; FULL where nobody did."""
        forced = self.forced
        return forced.step if forced and forced.step is not Step.READ_ONLY else Step.FULL

    def refusal(self) -> ReadOnly | None:
        """Why no change is taken, when somebody said so."""
        forced = self.forced
        if forced is None or forced.step is not Step.READ_ONLY:
            return None
        reason = forced.reason or f"{forced.by} asked for it"
        left = rules.retry_after(forced, self._clock())
        return ReadOnly(until=forced.until.isoformat(timespec="seconds"), reason=reason, retry_after=left)

    async def force(self, caller: Caller, step: Step, period: timedelta, reason: str = "") -> Degradation:
        """From now on for `period`. Where it cannot be stored it holds as well, and is stored when that works again."""
        caller.require_admin("force a degradation step")
        now = self._clock()
        await self._keep(Forced(step, caller.id, now, now + period, reason))
        await self._record(caller, "degradation_forced", step, until=self._until(), reason=reason)
        return self.now

    async def automatic(self, caller: Caller) -> Degradation:
        """End what was forced."""
        caller.require_admin("end a forced degradation step")
        await self._keep(None)
        await self._record(caller, "degradation_automatic", self.now.step)
        return self.now

    async def look(self, seen: Sequence[Seen]) -> None:
        """Take note of what is missing now."""
        self._causes = rules.settled(self._causes, seen, self._clock())
        self._tell()

    async def _watch(self, observe: Observe, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            try:
                await self._prove_writing()
                await self.look(await observe())
            except Exception as error:  # noqa: BLE001 - a watch that ends would leave its last step in force for good
                _log.error("degradation_look_failed", exc_info=error)

    async def _prove_writing(self) -> None:
        """A server that nobody sends changes to would never find out that they are kept again."""
        passed = asyncio.get_running_loop().time()
        if not (self._database.trouble or self._unstored) or passed - self._proved < _PROVE_EVERY:
            return
        self._proved = passed
        try:
            async with self._database.write() as sql:
                await repository.prove_writing(sql, self._clock())
                if self._unstored:
                    await repository.store_forced(sql, self._forced, self._clock())
        except NotWritten:
            return  # the database keeps the reason
        self._stored()
        _log.info("changes_are_kept_again")

    async def _keep(self, forced: Forced | None) -> None:
        self._forced = forced
        try:
            async with self._database.write() as sql:
                await repository.store_forced(sql, forced, self._clock())
        except NotWritten as error:
            _log.warning("degradation_not_stored", code=error.code, reason=error.message)
            self._unstored = True
            self._forced = replace(forced, stored=False) if forced else None
        else:
            self._stored()

    def _stored(self) -> None:
        self._unstored = False
        self._forced = replace(self._forced, stored=True) if self._forced else None

    async def _record(self, caller: Caller, action: str, step: Step, **details: str) -> None:
        """Unlike other acts this one is done where it cannot be recorded: a full disk is what it is for."""
        self._tell()
        try:
            await self._audit.record(caller, action, step.value, **details)
        except NotWritten as error:
            _log.warning("act_not_recorded", action=action, by=caller.id, code=error.code, reason=error.message)

    def _until(self) -> str:
        return self._forced.until.isoformat() if self._forced else ""

    def _tell(self) -> None:
        """The metrics at every look, the log when something changed."""
        now = self.now
        self._metrics.set(DEGRADATION_STEP, now.step.rank)
        names = {cause.seen.name for cause in now.causes} | ({"forced"} if now.forced else set())
        for label in DEGRADATION_CAUSE.labels[0].values:
            self._metrics.set(DEGRADATION_CAUSE, label in names, cause=label)
        told = (now.step, now.answers, now.takes_changes, frozenset(names), now.forced)
        if told != (self._told or (Step.FULL, Step.FULL, True, frozenset(), None)):
            log = _log.info if now.step is Step.FULL and not names else _log.warning
            log(
                "degradation_changed",
                step=now.step.value,
                answers=now.answers.value,
                takes_changes=now.takes_changes,
                because=[f"{cause.seen.name}: {cause.seen.reason}" for cause in now.causes],
                forced_by=now.forced.by if now.forced else None,
                until=now.forced.until.isoformat() if now.forced else None,
            )
        self._told = told
