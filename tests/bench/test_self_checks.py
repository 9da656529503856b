"""Every program in `bench/` proves quickly that it measures: `python -m bench.NAME --self-check` exits 0.

The convention: `--self-check` takes about ten seconds on a machine that has nothing else to do, runs the measurement on
a tiny input, checks that the result has the published fields, and exits 1 when it does not.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.machine import ROOT

PROGRAMS = [path for path in sorted((ROOT / "bench").glob("*.py")) if '\nif __name__ == "__main__"' in path.read_text()]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_program_measures(program: Path):
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{program.stem}", "--self-check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_there_are_programs():
    assert ROOT / "bench/install_size.py" in PROGRAMS
