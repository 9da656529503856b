"""What goes wrong in one life of the server, chosen by the seed."""

import math
import random
from dataclasses import dataclass
from enum import Enum

from tests.faults.harness import chance
from tests.faults.harness.interposer import Action

_MOST_CALLS = 1500
_CALLS_OF_A_START = 700
_DAY = 86_400


class Kind(Enum):
    AT_CALL = "killed at a call"
    AT_START = "killed while it starts"
    TORN = "killed in the middle of a write"
    POWER = "power cut"
    POWER_AT_START = "power cut while it starts"
    AT_ANY_TIME = "killed at some moment"
    FULL = "disk full for a while"
    BROKEN = "disk fails for a while"
    READERS = "readers killed"
    FROZEN = "frozen for a while"
    CLOCK = "clock jumps"


_WEIGHTS = {
    Kind.AT_CALL: 30,
    Kind.AT_START: 8,
    Kind.TORN: 10,
    Kind.POWER: 16,
    Kind.POWER_AT_START: 4,
    Kind.AT_ANY_TIME: 6,
    Kind.FULL: 6,
    Kind.BROKEN: 3,
    Kind.READERS: 5,
    Kind.FROZEN: 4,
    Kind.CLOCK: 6,
}
_ACTIONS = {
    Kind.AT_CALL: Action.KILL,
    Kind.AT_START: Action.KILL,
    Kind.TORN: Action.TORN,
    Kind.POWER: Action.CUT,
    Kind.POWER_AT_START: Action.CUT,
    Kind.FULL: Action.FULL,
    Kind.BROKEN: Action.BROKEN,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    calls: at the how manyth call from when it is armed; seconds: how long it lasts, or after which time it comes;
    shift: by how many seconds the clock jumps; linger: seconds after the last operation until the server is killed.
    """

    kind: Kind
    calls: int
    seconds: float
    shift: int
    linger: float

    @property
    def action(self) -> Action:
        return _ACTIONS.get(self.kind, Action.NONE)

    @property
    def at_start(self) -> bool:
        return self.kind in {Kind.AT_START, Kind.POWER_AT_START}

    @property
    def journal(self) -> bool:
        return self.action is Action.CUT

    @property
    def is_survived(self) -> bool:
        """The server must get over it without a restart."""
        return self.kind in {Kind.FULL, Kind.BROKEN, Kind.READERS, Kind.FROZEN, Kind.CLOCK}

    def __str__(self) -> str:
        details = {Action.NONE: f"{self.seconds:.1f} s", Action.FULL: f"call +{self.calls}, {self.seconds:.1f} s"}
        if self.kind is Kind.CLOCK:
            return f"{self.kind.value} by {self.shift:+d} s"
        return f"{self.kind.value} ({details.get(self.action, f'call +{self.calls}')})"


def choose(seed: int, life: int, *, first: bool) -> Fault:
    """first: the life begins with no data folder, so that its start is the longest of all."""
    dice = chance.dice(seed, f"fault {life}")
    kind = dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    if first:
        kind = dice.choice([Kind.AT_START, Kind.AT_START, Kind.POWER_AT_START])
    most = _CALLS_OF_A_START if first else _CALLS_OF_A_START // 4
    # As often among the first ten calls as among the next hundred: later operations are more alike.
    calls = dice.randint(1, most) if kind in {Kind.AT_START, Kind.POWER_AT_START} else _log_uniform(dice, _MOST_CALLS)
    shift = dice.choice([-400 * _DAY, -_DAY, -3700, -61, 61, 3700, _DAY, 400 * _DAY])
    return Fault(kind, calls, dice.uniform(0.1, 3.0), shift, dice.uniform(0.0, 2.0))


def _log_uniform(dice: random.Random, most: int) -> int:
    return round(math.exp(dice.uniform(0.0, math.log(most))))
