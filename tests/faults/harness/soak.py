"""A run: eras of faults until enough was done, then quiet work while memory is watched."""

import asyncio
import itertools
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.harness import interposer, memory
from tests.faults.harness.era import LIVES, Counts, Era
from tests.faults.harness.workload import operations

_SAMPLE_SECONDS = 2.0
_ENDLESS = 10_000_000
_MOST_FAILED = 10
_MOST_SAID = 12


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to do.

    operations, kills: at least so many; era: only this one; minutes: of quiet work at the end; lives: of an era.
    """

    seed: int
    operations: int
    kills: int
    minutes: float = 0.0
    era: int | None = None
    lives: int = LIVES


@dataclass(slots=True)
class Report:
    """failed: eras in which something was wrong; after ten of them a run ends."""

    counts: Counts = field(default_factory=Counts)
    failures: list[str] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    slope: memory.Slope | None = None
    seconds: float = 0.0


Say = Callable[[str], None]


def run(plan: Plan, folder: Path, say: Say) -> Report:
    """Folders of eras that failed stay in `folder`, the others go. Raises CompilerMissing."""
    return asyncio.run(_run(plan, folder, say))


async def _run(plan: Plan, folder: Path, say: Say) -> Report:
    began = time.monotonic()
    report = Report()
    built = interposer.compile_library(folder)
    for number in itertools.count() if plan.era is None else (plan.era,):
        done = report.counts.operations >= plan.operations and report.counts.kills >= plan.kills
        if done or len(report.failed) >= _MOST_FAILED:
            break
        await _era(plan, number, folder, built, report, say)
    if plan.minutes:
        await _quiet(plan, folder, built, report, say)
    report.seconds = time.monotonic() - began
    return report


async def _era(plan: Plan, number: int, folder: Path, built: Path, report: Report, say: Say) -> None:
    place = folder / f"era-{number}"
    shutil.rmtree(place, ignore_errors=True)
    era = Era(plan.seed, number, place, built, report.counts, say)
    # More than its share for each life: many a server dies early.
    await era.run(plan.lives, round(1.6 * plan.operations / max(plan.kills, 1)) + 1)
    if era.failures:
        again = f"{Path(sys.executable).name} -m tests.faults.harness --seed {plan.seed} --era {number}"
        again += f" --operations {plan.operations} --kills {plan.kills}"
        report.failed.append(number)
        report.failures += [f"era {number}: {failure}" for failure in era.failures]
        say(f"FAILED in era {number}, its folder is {place}; again: {again}")
        for failure in era.failures[:_MOST_SAID]:
            say(f"  {failure}")
    else:
        shutil.rmtree(place)
    say(progress(report))


async def _quiet(plan: Plan, folder: Path, built: Path, report: Report, say: Say) -> None:
    """Mixed work, broken files among it, on one server; a sample of its memory every two seconds."""
    number = _ENDLESS // LIVES
    era = Era(plan.seed, number, folder / "quiet", built, report.counts, say)
    samples: list[tuple[float, float]] = []
    watching = asyncio.create_task(_watch(era, samples, say))
    chosen = operations(plan.seed, number, _ENDLESS)
    await era.quietly(chosen, time.monotonic() + plan.minutes * 60)
    watching.cancel()
    report.failures += [f"without faults: {failure}" for failure in era.failures]
    report.slope = memory.slope(samples)
    if report.slope is not None and not report.slope.is_flat:
        report.failures.append(f"memory grows: {report.slope}")


async def _watch(era: Era, samples: list[tuple[float, float]], say: Say) -> None:
    began = time.monotonic()
    told = 0
    while True:
        await asyncio.sleep(_SAMPLE_SECONDS)
        if era.server.died:
            continue
        memory_now = era.server.memory()
        elapsed = time.monotonic() - began
        samples.append((elapsed, memory_now.own))
        if elapsed // 60 > told:
            told = int(elapsed // 60)
            say(
                f"minute {told}: {memory_now.own:.1f} MB of its own, {memory_now.mapped:.1f} MB of mapped files, "
                f"{memory_now.children:.1f} MB in readers"
            )


def progress(report: Report) -> str:
    counts = report.counts
    return (
        f"so far {counts.operations} operations, {counts.kills} kills in {counts.lives} lives, {counts.looks} looks, "
        f"{len(report.failures)} failures"
    )


def temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="ragkeeper-faults-"))
