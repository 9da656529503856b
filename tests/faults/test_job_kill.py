"""A durable job whose process is killed inside any of its steps goes on with that step, and repeats no other."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.job_child import STEPS
from tests.machine import ROOT


def run(folder: Path, deadly: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.faults.job_child", str(folder), deadly]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("deadly", STEPS)
def test_it_goes_on_with_the_step_it_died_in(tmp_path: Path, deadly: str):
    assert run(tmp_path, deadly).returncode == -signal.SIGKILL
    assert run(tmp_path, deadly).returncode == -signal.SIGKILL, "it did not come back to the step"
    done = run(tmp_path, "none")
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1] == "done ['LIST', 'TAKE', 'REMOVE']"
    assert (tmp_path / "steps").read_text().split() == list(STEPS)
