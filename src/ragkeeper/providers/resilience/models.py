"""Breakers, calls and limits as plain data. Times are seconds of one monotonic clock, never the time of day."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """Closed: calls pass. Open: none does. Half-open: a few trial calls find out whether the provider is well again."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Outcome(StrEnum):
    """What one call says about the provider.

    THROTTLED: it asks for fewer calls. IGNORED: nothing, such as a request it rightly refused or a caller who left.
    """

    SUCCESS = "success"
    FAILURE = "failure"
    THROTTLED = "throttled"
    IGNORED = "ignored"


class Cause(StrEnum):
    """Why a breaker changed."""

    IN_A_ROW = "failures_in_a_row"
    FAILURE_RATE = "failure_rate"
    SLOW_CALLS = "slow_calls"
    WAITED = "waited"
    TRIAL_FAILED = "trial_failed"
    TRIALS_PASSED = "trials_passed"
    BY_HAND = "by_hand"


class Act(StrEnum):
    """What an administrator can do. OPEN holds until one of the others; CLOSE forgets what failed; AUTO ends a hold."""

    OPEN = "open"
    CLOSE = "close"
    AUTO = "auto"


class Standing(StrEnum):
    """A provider in one word, from the calls that were made."""

    OK = "ok"
    FAILING = "failing"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BreakerKey:
    """Each model of each provider has a breaker per operation (`chat`, `embed`): one failing says nothing of others."""

    provider: str
    model: str
    operation: str

    @property
    def name(self) -> str:
        """What operators call it, as in `ragkeeper breaker close groq:chat`."""
        return f"{self.provider}:{self.operation}"


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """failures: in a row that open it. failure_rate, slow_rate: shares of the calls in the window that open it.

    The window holds the newest `window_calls` calls of the last `window_seconds`, and says nothing while there are
    fewer than `minimum_calls`. Open: `open_seconds`, times `growth` for each time it opens again, at most
    `longest_open_seconds`, less a random share of up to `jitter`. Half-open: `trials` calls in flight at most,
    `successes` close it. A trial that never ends counts as gone after `trial_seconds`.
    """

    failures: int = 5
    failure_rate: float = 0.5
    slow_rate: float = 0.8
    window_calls: int = 100
    window_seconds: float = 600.0
    minimum_calls: int = 20
    open_seconds: float = 30.0
    longest_open_seconds: float = 300.0
    growth: float = 2.0
    jitter: float = 0.1
    trials: int = 3
    successes: int = 3
    trial_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Trial:
    id: int
    began: float


@dataclass(frozen=True, slots=True)
class Record:
    """A breaker's state, as processes share it. epoch: counts the changes, so that late outcomes are told apart.

    since: of this state. opened: when it opened. until: when trials may begin; None while open means held by hand.
    openings: how often it opened without being closed for long in between. issued: trials ever begun. slow:
    whether slow calls opened it.
    """

    state: State = State.CLOSED
    since: float = 0.0
    opened: float = 0.0
    until: float | None = None
    openings: int = 0
    epoch: int = 0
    trials: tuple[Trial, ...] = ()
    issued: int = 0
    passed: int = 0
    cause: Cause | None = None
    reason: str = ""
    slow: bool = False

    @property
    def held(self) -> bool:
        return self.state is State.OPEN and self.until is None


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave for one call. trial: its number in half-open, None while closed."""

    epoch: int
    trial: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """No leave. until: when it may be asked for again; None: when an administrator allows it."""

    since: float
    until: float | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended. verdict: what the window of calls says after it; draw: a random number of [0, 1)."""

    outcome: Outcome
    slow: bool = False
    reason: str = ""
    verdict: Cause | None = None
    draw: float = 0.0


@dataclass(frozen=True, slots=True)
class Transition:
    key: BreakerKey
    before: State
    after: State
    cause: Cause
    reason: str


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the log of calls, to be used after `wait` seconds. id None: none was given, one is free by then."""

    wait: float
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an error says. may_pass: whether the same call may well work a moment later. pause: as the provider asks."""

    outcome: Outcome
    may_pass: bool = False
    pause: float | None = None


@dataclass(frozen=True, slots=True)
class Sign:
    """How a provider was when something was last seen of it: at a call, or when it was asked. error: None for well."""

    at: float
    error: BaseException | None


@dataclass(frozen=True, slots=True)
class ProviderState:
    """One line of the board. Shares are of the counted calls in memory, latencies in seconds until the first piece."""

    key: BreakerKey
    standing: Standing
    state: State
    held: bool
    since: datetime
    next_try: datetime | None
    cause: Cause | None
    last_success: datetime | None
    last_failure: datetime | None
    last_failure_reason: str
    calls: int
    error_rate: float | None
    latency_p50: float | None
    latency_p95: float | None
    limit: int | None
    remaining: int | None
    paused_until: datetime | None
    status_page: str | None
