"""One guarded call: leave from the breaker, a place in the limit, few retries, and the outcome told in every case."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar

from ragkeeper.core.spared import speak
from ragkeeper.core.unaided import is_unaided
from ragkeeper.providers.resilience.breaker import CircuitBreaker
from ragkeeper.providers.resilience.limit import CallLimit, LimitReached, Sleep
from ragkeeper.providers.resilience.models import (
    Act,
    BreakerKey,
    Judgement,
    Outcome,
    Permit,
    ProviderState,
    Refusal,
    Sign,
    Standing,
    State,
)
from ragkeeper.providers.resilience.ports import Listener
from ragkeeper.providers.resilience.retries import RetryBudget
from ragkeeper.providers.resilience.silence import Silence
from ragkeeper.providers.resilience.window import Tally

_T = TypeVar("_T")

_SHOWN_REASON = 300
# How long a provider is left alone that asks for fewer calls and does not say for how long.
_UNSAID_PAUSE = 1.0
# When to ask again where too many wait for the provider.
_CROWDED_PAUSE = 2.0
# The share of good calls whose times are usual.
_NEARLY_ALL = 0.95
# How long a failure says something about how the provider is now, in seconds.
_TELLING = 60.0


@dataclass(frozen=True, slots=True)
class NotCalled:
    """A call that was not made. since: None where a limit, not the breaker, forbids it.

    next_try: None when only an administrator can tell; retry_after: the same in seconds. crowded: neither forbids it,
    but the request is to be answered without.
    """

    key: BreakerKey
    since: datetime | None
    next_try: datetime | None
    retry_after: float | None
    limit: int | None = None
    crowded: bool = False


@dataclass(frozen=True, slots=True)
class Wording:
    """How a kind of model says what happened to a call, in its own errors."""

    judge: Callable[[BaseException], Judgement]
    refused: Callable[[NotCalled], Exception]


class Guard:
    """What stands before one model. `call()` is entered once for each call.

    Retries belong to their call: only what its caller saw in the end counts as one success or one failure.
    """

    def __init__(
        self,
        breaker: CircuitBreaker,
        limit: CallLimit,
        budget: RetryBudget,
        *,
        listeners: Sequence[Listener] = (),
        status_page: str | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.breaker = breaker
        self.limit = limit
        self.budget = budget
        self.sleep = sleep
        self.tally = Tally()
        self.sign: Sign | None = None
        self.silence = Silence(lambda: self.tally.latency(_NEARLY_ALL), lambda: self.failing_for_now() is not None)
        self._listeners = listeners
        self._status_page = status_page

    @property
    def key(self) -> BreakerKey:
        return self.breaker.key

    def call(self, wording: Wording, slow_after: float, queue: float | None = None) -> "GuardedCall":
        """slow_after: seconds until the first piece above which a call counts as slow. queue: see `CallLimit.take`."""
        return GuardedCall(self, wording, slow_after, queue)

    def refused(self) -> NotCalled | None:
        """Why a call would not be made now; nothing is asked or taken."""
        found = self.breaker.refusal()
        return self.not_called(found) if found else None

    def not_called(self, found: Refusal) -> NotCalled:
        wait = None if found.until is None else max(0.0, found.until - self.breaker.now())
        return NotCalled(self.key, self._wall(found.since), self._wall(found.until), wait)

    def limited(self, wait: float) -> NotCalled:
        """Without a limit where it is the provider that asked for a pause."""
        limit = None if self.limit.paused_for else self.limit.per_minute
        return NotCalled(self.key, None, datetime.now(UTC) + timedelta(seconds=wait), wait, limit)

    def note(self, judged: Judgement, seconds: float, reason: str, error: BaseException | None = None) -> None:
        """Count a call that was made."""
        now = self.breaker.now()
        if judged.outcome is not Outcome.IGNORED:
            self.saw(error)
        if judged.outcome is Outcome.SUCCESS:
            self.tally.succeeded(now, seconds)
        elif judged.outcome is Outcome.FAILURE:
            self.tally.failed(now, reason)
        elif judged.outcome is Outcome.THROTTLED:
            self.limit.pause(_UNSAID_PAUSE if judged.pause is None else judged.pause)
        for listener in self._listeners:
            listener.called(self.key, judged.outcome, seconds)

    def saw(self, error: BaseException | None) -> None:
        """Of the provider, whether by a call or by asking it; `error`: None where it was well."""
        self.sign = Sign(self.breaker.now(), error)

    def saw_within(self, seconds: float) -> bool:
        return self.sign is not None and self.breaker.now() - self.sign.at < seconds

    @property
    def well(self) -> bool:
        """Whether calls are let through, and the newest sign is not a failure of the last minute.

        A breaker that waits for a first call lets it through: well where the provider has shown since that it is.
        """
        failed = self.sign is not None and self.sign.error is not None
        if self.breaker.state is State.HALF_OPEN:
            return self.sign is not None and not failed
        return self.breaker.state is State.CLOSED and not (failed and self.saw_within(_TELLING))

    def failing_for_now(self) -> str | None:
        """Why the newest call failed, if it did, and for as long as that says anything about now."""
        failed = self.tally.last_failure if self.tally.failing else None
        lately = failed is not None and self.breaker.now() - failed < _TELLING
        return self.tally.last_reason if lately else None

    async def act(self, what: Act) -> None:
        await self.breaker.act(what)
        if what is Act.CLOSE:
            self.limit.resume()
            self.sign = None

    async def state(self) -> ProviderState:
        record, tally, now = await self.breaker.look(), self.tally, self.breaker.now()
        pause = self.limit.paused_for
        return ProviderState(
            key=self.key,
            standing=self._standing(),
            state=record.state,
            held=record.held,
            since=self._wall(self.breaker.since) or datetime.now(UTC),
            next_try=self._wall(record.until),
            cause=record.cause,
            last_success=self._wall(tally.last_success),
            last_failure=self._wall(tally.last_failure),
            last_failure_reason=tally.last_reason,
            calls=tally.calls,
            error_rate=tally.error_rate,
            latency_p50=tally.latency(0.5),
            latency_p95=tally.latency(0.95),
            limit=self.limit.per_minute,
            remaining=self.limit.remaining,
            paused_until=self._wall(now + pause) if pause else None,
            status_page=self._status_page,
        )

    def _standing(self) -> Standing:
        if self.breaker.record.state is not State.CLOSED:
            return Standing.DOWN
        if self.tally.failing:
            return Standing.FAILING
        return Standing.OK if self.tally.last_success is not None else Standing.UNKNOWN

    def _wall(self, at: float | None) -> datetime | None:
        """The time of day of a moment, told from now: a clock that was set meanwhile does no harm."""
        return None if at is None else datetime.now(UTC) + timedelta(seconds=at - self.breaker.now())


class GuardedCall:
    """`async with guard.call(…) as call`: raises what the wording says when no call may be made.

    Whatever ends the block ends the call, a caller who leaves included.
    """

    def __init__(self, guard: Guard, wording: Wording, slow_after: float, queue: float | None = None) -> None:
        self._guard = guard
        self._wording = wording
        self._slow_after = slow_after
        self._queue = queue
        self._permit = Permit(0)
        self._began = 0.0
        self._first: float | None = None
        self._attempts = 1

    async def __aenter__(self) -> Self:
        guard = self._guard
        if is_unaided():
            raise self._wording.refused(NotCalled(guard.key, None, None, _CROWDED_PAUSE, crowded=True))
        self._refuse(guard.breaker.refusal())
        slot = await self._take()
        try:
            self._permit = self._admitted(await guard.breaker.admit())
        except BaseException:
            await guard.limit.give_back(slot)
            raise
        self._began = guard.breaker.now()
        guard.budget.count_call()
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        guard, now = self._guard, self._guard.breaker.now()
        seconds = (now if self._first is None else self._first) - self._began
        judged = self._wording.judge(error) if error else Judgement(Outcome.SUCCESS)
        reason = " ".join(str(error).split())[:_SHOWN_REASON] if error else f"no reply within {self._slow_after:g} s"
        guard.note(judged, seconds, reason, error)
        await guard.breaker.settle(self._permit, judged.outcome, slow=seconds > self._slow_after, reason=reason)

    async def first(self, piece: Awaitable[_T]) -> _T:
        """The first piece. Raises TimeoutError when the provider says nothing to anybody for suspiciously long."""
        async with asyncio.timeout(None) as limit:
            with self._guard.silence.wait(limit, self._slow_after):
                return await piece

    @property
    def waited(self) -> float:
        """Seconds since it began."""
        return self._guard.breaker.now() - self._began

    def begun(self) -> None:
        """A piece is there: from the first on nothing is tried again."""
        self._guard.silence.heard()
        if self._first is None:
            self._first = self._guard.breaker.now()
            speak()

    async def again(self, error: Exception) -> bool:
        """Whether to make the same call once more, after the pause that this takes."""
        guard = self._guard
        if self._first is not None or not self._wording.judge(error).may_pass:
            return False
        if not self._is_closed() or not guard.budget.spend(self._attempts):
            return False
        await guard.sleep(guard.budget.pause(self._attempts))
        self._attempts += 1
        return self._is_closed() and await self._has_place()

    def _is_closed(self) -> bool:
        return self._guard.breaker.record.state is State.CLOSED

    async def _take(self) -> int | None:
        try:
            return await self._guard.limit.take(self._queue)
        except LimitReached as error:
            refused = self._wording.refused(self._guard.limited(error.wait))
            self._guard.saw(refused)
            raise refused from None

    async def _has_place(self) -> bool:
        """A retry does not queue."""
        try:
            await self._guard.limit.take(queue=0)
        except LimitReached:
            return False
        return True

    def _admitted(self, found: Permit | Refusal) -> Permit:
        if isinstance(found, Refusal):
            raise self._wording.refused(self._guard.not_called(found))
        return found

    def _refuse(self, found: Refusal | None) -> None:
        if found:
            raise self._wording.refused(self._guard.not_called(found))
