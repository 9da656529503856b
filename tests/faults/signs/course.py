"""One fault from its begin until every sign of it was seen."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.faults.signs.cases import Case, Signs
from tests.faults.signs.stage import Stage
from tests.faults.signs.watch import Kind, Watch

_LONGEST = 150.0


@dataclass(frozen=True)
class Row:
    """first: seconds from the begin of the fault until each sign was seen, whether it was wanted or not.

    paths: everything of health that could say something.
    """

    case: Case
    first: Mapping[Kind, Mapping[str, float]]
    before: frozenset[str]
    paths: frozenset[str] = frozenset()

    def misses(self) -> list[str]:
        """What should have been and was not."""
        wanted = wanted_of(self.case.signs)
        return [
            *(f"{sign} was there before" for signs in wanted.values() for sign in signs if sign in self.before),
            *(
                f"{sign} was not seen"
                for kind, signs in wanted.items()
                for sign in signs
                if sign not in self.first[kind]
            ),
        ]

    def after(self, kind: Kind) -> float | None:
        """When the last wanted sign of the kind was seen; None where none is wanted, or one is missed."""
        times = [self.first[kind].get(sign) for sign in wanted_of(self.case.signs)[kind]]
        return max((time for time in times if time is not None), default=None) if None not in times else None


def wanted_of(signs: Signs) -> Mapping[Kind, tuple[str, ...]]:
    one = {Kind.METRIC: signs.metric, Kind.ALERT: signs.alert, Kind.FINDING: signs.finding}
    return {Kind.HEALTH: signs.health, **{kind: (sign,) if sign else () for kind, sign in one.items()}}


def run(case: Case, stage: Stage) -> Row:
    watch = Watch(stage, wanted_of(case.signs))
    with stage.work(case.fault), watch.running():
        try:
            watch.begin(case.fault)
            watch.until_all(_LONGEST)
        finally:
            stage.end(case.fault)
    return Row(case, watch.first, watch.before, frozenset(watch.paths))
