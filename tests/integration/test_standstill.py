"""Which failures get a second run, by a small run of pytest within this one; and the watcher, by stopping it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine import ROOT
from tests.standstill import ENOUGH, Watcher

CONFTEST = """
from tests.standstill import SecondRuns

def pytest_configure(config):
    config.pluginmanager.register(SecondRuns(lambda since: {lost}))
"""
TESTS = """
import pathlib, pytest
here = pathlib.Path(__file__).parent

def once(name):
    file = here / name
    had, _ = file.exists(), file.touch()
    assert had, name

@pytest.fixture(scope="module")
def server():
    once("setup")
    yield "whole"
    once("teardown")

def test_call(): once("call")
def test_setup(server): assert server == "whole"
def test_always(): assert 2 + 2 == 5
def test_well(): pass
"""


def run(folder: Path, lost: float, *options: str) -> str:
    folder.joinpath("conftest.py").write_text(CONFTEST.format(lost=lost))
    folder.joinpath("test_some.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(folder), "-p", "no:cacheprovider", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    return subprocess.run(
        [*command, str(folder)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    ).stdout


@pytest.mark.parametrize("options", [(), ("-n", "2", "--dist", "loadfile")])
def test_a_failure_of_a_machine_that_stood_still_is_run_again(tmp_path: Path, options: tuple[str, ...]):
    lines = run(tmp_path, ENOUGH, *options).splitlines()
    assert lines[-1].startswith("1 failed, 3 passed, 3 rerun in ")
    again = [line.split()[1].removesuffix(":") for line in lines if line.startswith("RERUN")]
    assert again == [f"test_some.py::test_{name}" for name in ("call", "setup", "always")]
    assert "RERUN test_some.py::test_call: the machine stood still for 0.3 s of its first run" in lines
    assert [line for line in lines if "fixtures" in line] == ["  its fixtures' end: AssertionError: teardown"]
    assert lines[-2].startswith("FAILED test_some.py::test_always")


def test_a_failure_of_a_machine_that_went_on_stays_one(tmp_path: Path):
    lines = run(tmp_path, ENOUGH - 0.01).splitlines()
    assert "rerun" not in lines[-1]
    assert lines[-1].startswith("2 failed, 1 passed, 1 error in ")


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    found = Watcher()
    yield found
    found.close()


def test_the_watcher_tells_for_how_long_it_stood_still(watcher: Watcher):
    began = time.monotonic()
    watcher.stood_still(began)
    os.kill(watcher.pid, signal.SIGSTOP)
    time.sleep(0.6)
    os.kill(watcher.pid, signal.SIGCONT)
    assert watcher.stood_still(began) > 0.5
    assert watcher.stood_still(time.monotonic()) == 0
