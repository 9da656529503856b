"""How many requests of a kind are worked on at once, learned from how long they take.

More at once answer no more per second when the processor, or a model's server, has enough to do: they only wait inside
instead of outside. So while the times stay near the shortest ones known, the limit rises with the demand; when they
grow far beyond, it falls. Times that stay long when it has fallen as far as it may are the usual ones from then on: it
is not for too many at once that they are long, as when a slow model is back after quick answers without it. The idea is
TCP Vegas's; Netflix described it for servers ("Performance Under Load", 2018).
"""

import statistics
from dataclasses import dataclass, field

_SAMPLES = 15
# The usual time changes (more documents, a slower model): the memory of the shortest one fades with each window.
_FADING = 1.01
_RISE, _FALL = 1.1, 0.7


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
    current: int = field(init=False)
    _usual: float = 0.0
    _times: list[float] = field(default_factory=list)
    _busiest: int = 0

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
        self._adapt(median, busiest)

    def _adapt(self, median: float, busiest: int) -> None:
        if median > self.rules.tolerance * self._usual:
            # Slow answers to few people say nothing about how many could be worked on.
            if self.current == self.rules.least:
                self._usual = median
            elif busiest > self.current // 2:
                self.current = max(self.rules.least, int(self.current * _FALL))
        elif busiest >= self.current:
            self.current = min(self.rules.most, max(self.current + 1, int(self.current * _RISE)))
