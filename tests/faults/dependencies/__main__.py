"""Break what a running server depends on, one part after another, while a client searches, asks and streams.

    python -m tests.faults.dependencies                     all faults, and the table of what was seen
    python -m tests.faults.dependencies --only Redis        those whose names hold the word
    python -m tests.faults.dependencies --write             docs/reference/faults.md too

Prints the conditions, what failed with which code, the modes of the answers, and how long it took. Exit code 1 when
anything is not as it must be, 3 when this machine lacks a program that a fault needs.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.conditions import conditions
from scripts.tables import table
from tests.faults.dependencies.faults import FAULTS
from tests.faults.dependencies.page import AT_ONCE, PAGE, figures, missing_program, page, run_all
from tests.faults.dependencies.scene import Programs
from tests.faults.dependencies.table import STABLE, Row, stable
from tests.faults.harness.interposer import CompilerMissing, compile_library


def main() -> int:
    options = _options()
    faults = [fault for fault in FAULTS if options.only.lower() in fault.name.lower()]
    with tempfile.TemporaryDirectory(prefix="ragkeeper-faults-") as name:
        programs = _programs(Path(name))
        for fault in faults:
            if missing := missing_program(fault, programs):
                _say(f"{fault.name}: needs {missing}")
                return 3
        rows = asyncio.run(run_all(faults, Path(name), programs, _tell))
    _say(_conditions())
    _say(table(STABLE, map(stable, rows)))
    _say(figures(rows))
    if options.write:
        PAGE.write_text(page(rows, _conditions()), encoding="utf-8")
    return int(any(row.misses() for row in rows))


def _tell(row: Row) -> None:
    _say(f"{row.name}: {'; '.join(sorted(set(row.misses()))) or 'as it must be'}")


def _programs(folder: Path) -> Programs:
    redis = shutil.which("redis-server")
    try:
        library = compile_library(folder)
    except CompilerMissing:
        library = None
    return Programs(Path(redis) if redis else None, library)


def _conditions() -> str:
    found = ", ".join(f"{name} {value}" for name, value in conditions("uvicorn", "openai", "redis").items())
    return f"{datetime.now(UTC):%Y-%m-%d}, {AT_ONCE} servers at a time: {found}."


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program that tells what it does


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.dependencies", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--only", default="", metavar="WORD", help="faults whose names hold it")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
