"""Break what a running server needs, one thing after another, and note what shows it and after how long.

    python -m tests.faults.signs                    all faults, and the table of what was seen
    python -m tests.faults.signs memory clock       those whose names hold one of the words
    python -m tests.faults.signs --write            docs/reference/signs.md too: the faults of which every sign was seen

Exit code 1 when a sign was not seen, or was there before its fault.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from bench.conditions import conditions
from tests.faults.dependencies.scene import Programs as Besides
from tests.faults.harness.interposer import compile_library
from tests.faults.signs.cases import CASES, Case
from tests.faults.signs.course import Row, run
from tests.faults.signs.page import PAGE, figures, page
from tests.faults.signs.stage import Tools, staged
from tests.integration.monitoring.stack import programs
from tests.machine import require_binary

_AT_ONCE = 2


def main() -> int:
    options = _options()
    chosen = [one for one in CASES if not options.names or any(name in one.name for name in options.names)]
    with tempfile.TemporaryDirectory(prefix="ragkeeper-signs-") as folder:
        rows = run_all(chosen, Path(folder), tools(Path(folder)))
    _say(_conditions())
    _say(figures(rows))
    shown = [row for row in rows if not row.misses()]
    if options.write:
        PAGE.write_text(page(CASES, shown, _conditions()), encoding="utf-8")
    return int(len(shown) < len(chosen))


def run_all(cases: Sequence[Case], folder: Path, given: Tools) -> list[Row]:
    """Two servers at a time, each mostly waiting; one after another what can be seen in the same one."""
    places: list[list[Case]] = []
    for case in cases:
        fitting = next((one for one in places if one[0].place == case.place), None)
        if fitting is None:
            places.append([case])
        else:
            fitting.append(case)

    def one(number: int, there: list[Case]) -> list[Row]:
        place = folder / f"place-{number}"
        place.mkdir()
        try:
            return _run_there(there, place, given)
        except Exception as error:  # noqa: BLE001 - what happens in one place must not end the others
            _say(f"{there[0].name} and {len(there) - 1} others: {type(error).__name__}: {error}")
            return []

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return [row for rows in pool.map(one, range(len(places)), places) for row in rows]


def _run_there(cases: Sequence[Case], folder: Path, given: Tools) -> list[Row]:
    rows: list[Row] = []
    with staged(*cases[0].place, folder, given) as stage:
        for case in cases:
            try:
                row = run(case, stage)
            except Exception as error:  # noqa: BLE001 - nor one fault the next
                _say(f"{case.name}: {type(error).__name__}: {error}")
                continue
            _say(f"{case.name}: {'; '.join(row.misses()) or 'as it must be'}\n{figures([row]).splitlines()[-1]}")
            rows.append(row)
    return rows


def tools(folder: Path) -> Tools:
    return Tools(programs(require_binary), Besides(require_binary("redis-server"), compile_library(folder)))


def _conditions() -> str:
    found = ", ".join(f"{name} {value}" for name, value in conditions("uvicorn").items())
    return f"{datetime.now(UTC):%Y-%m-%d}, {_AT_ONCE} servers at a time: {found}."


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program that tells what it does


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.signs", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name} too")
    parser.add_argument("names", nargs="*", help="only faults whose name holds one of these")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
