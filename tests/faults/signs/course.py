"""One fault from its begin until every sign of it was seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.faults.signs.cases import Case, Signs
from tests.faults.signs.stage import Tools
from tests.faults.signs.watch import Kind, Watch


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

    def also(self) -> list[str]:
        """Other signs, but for those that were there before."""
        wanted = wanted_of(self.case.signs)
        return sorted(
            sign
            for kind, seen in self.first.items()
            for sign in seen
            if sign not in wanted[kind] and sign not in self.before
        )


def wanted_of(signs: Signs) -> Mapping[Kind, tuple[str, ...]]:
    one = {Kind.METRIC: signs.metric, Kind.ALERT: signs.alert, Kind.FINDING: signs.finding}
    return {Kind.HEALTH: signs.health, **{kind: (sign,) if sign else () for kind, sign in one.items()}}


def run(case: Case, folder: Path, tools: Tools) -> Row:
    with case.stage(folder, tools) as stage:
        watch = Watch(stage, case.signs.metric, case.signs.finding)
        with watch.running():
            try:
                watch.begin()
                watch.until(wanted_of(case.signs), case.seconds)
            finally:
                stage.end()
        return Row(case, watch.first, frozenset(watch.before), frozenset(watch.paths))
