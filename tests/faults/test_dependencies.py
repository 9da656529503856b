"""Each dependency of a running server broken in turn, under constant load: what must hold then, and what the page says.

The targets: no search and no answer fails, a stream only when its model had begun to speak, and the service is whole
again within one period of the breaker, or within the seconds that the table of faults names.
"""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.faults.dependencies.faults import FAULTS, Fault
from tests.faults.dependencies.page import missing_program, run_all, seen, told_by_page
from tests.faults.dependencies.scene import Programs
from tests.faults.dependencies.table import Row
from tests.faults.harness.interposer import CompilerMissing, compile_library
from tests.machine import lacks

pytestmark = [pytest.mark.timeout(1_200), pytest.mark.xdist_group("dependencies")]
each = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row | str]:
    """By the fault's name, what was seen, or which program this machine lacks for it."""
    folder = tmp_path_factory.mktemp("dependencies")
    programs = Programs(_redis(), _library(folder))
    missing = {fault.name: found for fault in FAULTS if (found := missing_program(fault, programs))}
    seen_rows = asyncio.run(run_all([fault for fault in FAULTS if fault.name not in missing], folder, programs))
    return {**missing, **{row.name: row for row in seen_rows}}


@each
def test_nothing_fails_but_what_was_broken_and_all_is_whole_again(rows: dict[str, Row | str], fault: Fault) -> None:
    assert _row(rows, fault).misses() == []


@each
def test_the_page_tells_what_is_seen(rows: dict[str, Row | str], fault: Fault) -> None:
    row = _row(rows, fault)
    assert seen(row) == told_by_page(fault.name), "run `python -m tests.faults.dependencies --write`"


def _row(rows: dict[str, Row | str], fault: Fault) -> Row:
    found = rows[fault.name]
    if not isinstance(found, Row):
        lacks(f"needs {found}: `make services` installs redis-server, `apt-get install gcc libc6-dev` a compiler")
    return found


def _redis() -> Path | None:
    found = shutil.which("redis-server")
    return Path(found) if found else None


def _library(folder: Path) -> Path | None:
    try:
        return compile_library(folder)
    except CompilerMissing:
        return None
