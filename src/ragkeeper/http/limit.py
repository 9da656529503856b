"""How many requests of a kind are worked on at once, learned from how long they take.

More at once answer no more per second when the processor, or a model's server, has enough to do: they only wait inside
instead of outside. So while the times stay near the shortest ones known, the limit rises with the demand; when they
grow far beyond, it falls. Times that stay long when it has fallen as far as it may are the usual ones from then on: it
is not for too many at once that they are long, as when a slow model is back after quick answers without it. The idea is
TCP Vegas's; Netflix described it for servers ("Performance Under Load", 2018).

Whether there is room for more is only known by letting more in, and where there is none, that costs everybody time. So
after a fall the limit rests, twice as long after each that follows. And who has never seen fewer at once does not know
how short times can be: a limit that is used up for long is lowered for one look.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_SAMPLES = 15
# The usual time changes (more documents, a slower model): the memory of the shortest one fades with each window.
_FADING = 1.01
_RISE, _FALL = 1.1, 0.7
# Seconds without a rise after a fall.
_SHORTEST_REST, _LONGEST_REST = 2.0, 32.0
# Windows in which all of the limit was used, between two looks at fewer.
_LOOK_EVERY = 20


@dataclass(frozen=True, slots=True)
class LimitRules:
    """least, at_first, most: of the limit. tolerance: medians up to so many times the usual one are well."""

    least: int
    at_first: int
    most: int
    tolerance: float


@dataclass(slots=True)
class AdaptiveLimit:
    rules: LimitRules
    clock: Callable[[], float] = time.monotonic
    current: int = field(init=False)
    _usual: float = 0.0
    _times: list[float] = field(default_factory=list)
    _busiest: int = 0
    _rest: float = _SHORTEST_REST
    _rests_until: float = float("-inf")
    _fell_from: int = 0
    _used_up: int = 0
    _above: tuple[int, float] | None = None  # while one looks at fewer: the limit before, and its median

    def __post_init__(self) -> None:
        self.current = self.rules.at_first

    def observe(self, seconds: float, at_once: int) -> None:
        """A request took so long, with so many worked on at once, itself included."""
        self._times.append(seconds)
        self._busiest = max(self._busiest, at_once)
        if len(self._times) < _SAMPLES:
            return
        median, busiest = statistics.median(self._times), self._busiest
        self._times.clear()
        self._busiest = 0
        self._usual = min(self._usual * _FADING, median) if self._usual else median
        if self._above is not None:
            self._decide(median, *self._above)
        else:
            self._adapt(median, busiest)

    def _adapt(self, median: float, busiest: int) -> None:
        if median > self.rules.tolerance * self._usual:
            # Slow answers to few people say nothing about how many could be worked on.
            if self.current == self.rules.least:
                self._usual = median
            elif busiest > self.current // 2:
                self._fall(self.current)
        elif busiest >= self.current:
            if self.current == self._fell_from:
                self._rest, self._fell_from = _SHORTEST_REST, 0
            self._seek(median)

    def _seek(self, median: float) -> None:
        """All of it is used, and does well: there may be room for more, or for as much in less time with fewer."""
        self._used_up += 1
        if self._used_up >= _LOOK_EVERY and self.current > self.rules.least:
            self._above = self.current, median
            self.current = self._lower(self.current)
        elif self.clock() >= self._rests_until:
            self.current = min(self.rules.most, max(self.current + 1, int(self.current * _RISE)))

    def _decide(self, median: float, before: int, median_before: float) -> None:
        self._above, self._used_up = None, 0
        if median_before > self.rules.tolerance * median:
            self._fall(before)
        else:
            self.current = before

    def _fall(self, before: int) -> None:
        self._fell_from = before
        self.current = self._lower(before)
        self._rests_until = self.clock() + self._rest
        self._rest = min(2 * self._rest, _LONGEST_REST)

    def _lower(self, limit: int) -> int:
        return max(self.rules.least, int(limit * _FALL))
