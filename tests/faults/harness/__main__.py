"""Break a server in chosen ways for as long as you like, and hold what it shows against what must be true.

    python -m tests.faults.harness --seed 1 --operations 10000 --kills 300 --minutes 60
    python -m tests.faults.harness --seed 1 --operations 10000 --kills 300 --era 7      one data folder of it again
    python -m tests.faults.harness --sweep 200                                          one fixed piece of work, killed
                                                                                        at 200 of its calls (0: all)

--minutes: after the faults, so long the same work without any, in which memory must stay flat; with --operations 0 and
--kills 0 only that. Prints the seed, every life of the server with its fault, and what was found wrong with the command
that does it again. Exit code 1 when anything was, 3 without a C compiler.
"""

import argparse
import random
import shutil
import signal
import sys
from pathlib import Path

from bench.conditions import print_conditions
from tests.faults.harness import interposer, soak, sweep
from tests.faults.harness.era import LIVES, describe


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the server ends too
    folder = options.folder or soak.temporary_folder()
    folder.mkdir(parents=True, exist_ok=True)
    _say(f"seed {options.seed}, folder {folder}")
    print_conditions("qdrant-edge-py", "sqlalchemy")
    try:
        failures = _sweep(options, folder) if options.sweep is not None else _soak(options, folder)
    except interposer.CompilerMissing:
        _say("there is no C compiler: apt-get install gcc libc6-dev")
        return 3
    if not failures and options.folder is None:
        shutil.rmtree(folder)
    return int(bool(failures))


def _soak(options: argparse.Namespace, folder: Path) -> list[str]:
    plan = soak.Plan(options.seed, options.operations, options.kills, options.minutes, options.era, options.lives)
    report = soak.run(plan, folder, _say)
    counts = report.counts
    _say("calls between the servers and their disk, by part of the data folder:")
    _say(interposer.table(counts.calls))
    _say(f"struck at: {describe(counts.struck)}")
    _say(f"faults: {dict(counts.kinds)}")
    _say(f"answers by status: {dict(sorted(counts.answers.items()))}")
    if report.slope is not None:
        _say(f"memory: {report.slope}")
    _say(f"seed {plan.seed}, {report.seconds / 60:.1f} minutes; {soak.progress(report).removeprefix('so far ')}")
    return report.failures


def _sweep(options: argparse.Namespace, folder: Path) -> list[str]:
    report = sweep.run(options.seed, options.sweep, folder, _say, options.share)
    _say(f"{report.calls} calls in the work, killed at {report.kills} of them: {describe(report.struck)}")
    _say(f"seed {options.seed}; {len(report.failures)} failures")
    return report.failures


def _share(text: str) -> sweep.Share:
    part, parts = map(int, text.split("/"))
    if not 1 <= part <= parts:
        raise ValueError(text)
    return sweep.Share(part, parts)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program that tells what it does


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.harness", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--operations", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=0.0, help="of work without faults, for the memory")
    parser.add_argument("--era", type=int, help="only this data folder of the run")
    parser.add_argument("--lives", type=int, default=LIVES, help="servers that one data folder sees")
    parser.add_argument("--sweep", type=int, metavar="N", help="kill a fixed piece of work at N of its calls; 0: all")
    parser.add_argument(
        "--share", type=_share, default=sweep.Share(), metavar="1/2", help="of a sweep; others do the rest"
    )
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary one, kept after a failure")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
