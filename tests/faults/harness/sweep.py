"""One fixed piece of work, killed at each of its calls in turn (or at a sample that has every kind of them)."""

import asyncio
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.harness import chance, interposer, texts
from tests.faults.harness.era import Counts, Era
from tests.faults.harness.interposer import Action, Call, Part, Point
from tests.faults.harness.workload import NAMES, Act, Operation

# What is there before, and what is then done: a new document, a new version, deletions of each kind, a file of a
# source.
_BEFORE = 6
_PUTS, _UPDATES = range(6, 9), range(2)
_TOLD_EVERY = 50
_ACTIONS = (Action.KILL, Action.TORN, Action.CUT)


@dataclass(slots=True)
class Report:
    calls: int = 0
    kills: int = 0
    struck: Counter[tuple[Call, Part]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Share:
    """Of `parts` that do the work between them, this one; the first is 1."""

    part: int = 1
    parts: int = 1

    def of(self, points: Sequence[Point]) -> Sequence[Point]:
        return points[self.part - 1 :: self.parts]


def run(seed: int, most: int, folder: Path, say: Callable[[str], None], share: Share = Share()) -> Report:
    """Kill at `most` of the calls, at all of them when it is 0. Raises CompilerMissing."""
    return asyncio.run(_run(seed, most, folder, say, share))


async def _run(seed: int, most: int, folder: Path, say: Callable[[str], None], share: Share) -> Report:
    report, counts = Report(), Counts()
    built = interposer.compile_library(folder)
    place, kept = folder / "work", folder / "prepared"

    def era(prepared: Era | None = None) -> Era:
        """Always in the same place: the source's folder is known to the server by its path."""
        shutil.rmtree(place, ignore_errors=True)
        if prepared:
            shutil.copytree(kept, place)
        found = Era(seed, 0, place, built, counts, lambda _: None)
        if prepared:
            found.begin_like(prepared)
        return found

    with _ending(era()) as prepared:
        await prepared.prepare(_before(seed))
    shutil.rmtree(kept, ignore_errors=True)
    shutil.move(place, kept)
    with _ending(era(prepared)) as unharmed:
        trace = await unharmed.whole(_work(seed))
    report.calls = len(trace)
    points = share.of(sample(seed, trace, most))
    for done, point in enumerate(points):
        if done and done % _TOLD_EVERY == 0:
            say(f"so far {done} of {len(points)}, {len(report.failures)} failures")
        action = _ACTIONS[point.number % len(_ACTIONS)]
        with _ending(era(prepared)) as struck:
            await struck.killed_at(_work(seed), action, point.number)
        if struck.failures:
            report.failures += [f"{action.name} at {point}: {failure}" for failure in struck.failures]
            aside = shutil.move(place, folder / f"call-{point.number}")
            say(f"FAILED after {action.name} at {point}, its folder is {aside}: {struck.failures}")
    report.failures += prepared.failures
    report.kills, report.struck = counts.kills, counts.struck
    return report


@contextmanager
def _ending(era: Era) -> Iterator[Era]:
    """Whatever ends the harness ends the server: it would go on in the folder that the next one finds there."""
    try:
        yield era
    finally:
        era.server.kill()


def sample(seed: int, trace: Sequence[Point], most: int) -> list[Point]:
    """So many points, each kind of call in each part in turn, the rarest kinds complete."""
    if not most or most >= len(trace):
        return list(trace)
    kinds: dict[tuple[Call, Part], list[Point]] = defaultdict(list)
    for point in trace:
        kinds[point.call, point.part].append(point)
    dice = chance.dice(seed, "sweep")
    for points in kinds.values():
        dice.shuffle(points)
    chosen: list[Point] = []
    while len(chosen) < most:
        chosen += [points.pop() for points in kinds.values() if points][: most - len(chosen)]
    return sorted(chosen, key=lambda point: point.number)


def _before(seed: int) -> Iterator[Operation]:
    for n in range(_BEFORE):
        yield Operation(n, Act.PUT, (NAMES[n],), texts.make(seed, n))


def _work(seed: int) -> Iterator[Operation]:
    for n in _PUTS:
        yield Operation(n, Act.PUT, (NAMES[n],), texts.make(seed, n))
    for n in _UPDATES:
        yield Operation(100 + n, Act.PUT, (NAMES[n],), texts.make(seed, 100 + n))
    yield Operation(200, Act.ASK, (NAMES[2],), texts.make(seed, 2))
    yield Operation(201, Act.DELETE, (NAMES[2],), texts.make(seed, 2))
    yield Operation(202, Act.DELETE_MANY, (NAMES[3], NAMES[4]), texts.make(seed, 3))
    yield Operation(203, Act.CANCEL, (NAMES[6],), texts.make(seed, 6))
    yield Operation(300, Act.FILE, ("paper0",), texts.make(seed, _first_readable(seed, 300)))
    yield Operation(301, Act.SYNC, ("paper0",), texts.make(seed, 301))
    yield Operation(204, Act.PAUSE, (NAMES[0],), texts.make(seed, 0))


def _first_readable(seed: int, number: int) -> int:
    return next(n for n in range(number, number + 100) if texts.make(seed, n).readable)
