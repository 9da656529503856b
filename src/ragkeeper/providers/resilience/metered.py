"""Breakers and limits as metrics."""

from ragkeeper.core.metrics import BREAKER_STATE, BREAKER_TRANSITIONS, RATE_LIMIT_REMAINING, Metrics
from ragkeeper.providers.resilience.board import Board
from ragkeeper.providers.resilience.models import BreakerKey, Outcome, State, Transition

_VALUES = {State.CLOSED: 0, State.OPEN: 1, State.HALF_OPEN: 2}
_POSSIBLE = (
    (State.CLOSED, State.OPEN),
    (State.OPEN, State.HALF_OPEN),
    (State.OPEN, State.CLOSED),
    (State.HALF_OPEN, State.OPEN),
    (State.HALF_OPEN, State.CLOSED),
)


class MetricsListener:
    """Counts changes as they happen; the states, which time alone changes, are read at each scrape."""

    def __init__(self, metrics: Metrics, board: Board) -> None:
        self._metrics = metrics
        self._board = board
        metrics.before_scrape(self._refresh)

    def begin(self, key: BreakerKey) -> None:
        """Let the counters of a breaker exist before it ever changes."""
        for before, after in _POSSIBLE:
            self._count(key, before, after, by=0)

    def changed(self, transition: Transition) -> None:
        self._count(transition.key, transition.before, transition.after)

    def called(self, key: BreakerKey, outcome: Outcome, seconds: float) -> None:
        """Calls are timed by the models themselves, each attempt apart."""

    def _count(self, key: BreakerKey, before: State, after: State, by: float = 1) -> None:
        change = {"from": before.value, "to": after.value}
        self._metrics.count(BREAKER_TRANSITIONS, by, **_labels(key), **change)

    def _refresh(self) -> None:
        for guard in self._board.guards():
            self._metrics.set(BREAKER_STATE, _VALUES[guard.breaker.state], **_labels(guard.key))
            if guard.limit.remaining is not None:
                self._metrics.set(RATE_LIMIT_REMAINING, guard.limit.remaining, provider=guard.key.provider)


def _labels(key: BreakerKey) -> dict[str, str]:
    return {"provider": key.provider, "model": key.model, "operation": key.operation}
