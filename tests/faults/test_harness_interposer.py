"""The faults themselves: each does to a small program what it says, so surviving one means something."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.harness.interposer import Action, Call, Interposer, Part, Point

WRITE = """
import os, sys
folder = sys.argv[1] + "/files/ab"
os.makedirs(folder, exist_ok=True)
for n in range(5):
    file = os.open(f"{folder}/{n}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(file, b"0123456789")
    if n in (0, 1, 2):
        os.fsync(file)
        above = os.open(folder, os.O_RDONLY)
        os.fsync(above)
    print(n, flush=True)
"""
REPLACE = """
import os, sys
folder = sys.argv[1]
def put(name, text, sync):
    file = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT, 0o600)
    os.pwrite(file, text, 0)
    sync and os.fsync(file)
def folder_synced():
    os.fsync(os.open(folder, os.O_RDONLY))
put("kept", b"old", True); put("lost", b"old", True); put("gone", b"old", True); folder_synced()
put("kept.new", b"new", True); os.rename(f"{folder}/kept.new", f"{folder}/kept"); folder_synced()
put("lost.new", b"new", True); os.rename(f"{folder}/lost.new", f"{folder}/lost")
os.unlink(f"{folder}/gone")
put("kept", b"xxx", False)
os.write(os.open(f"{folder}/last", os.O_WRONLY | os.O_CREAT, 0o600), b"x")
"""


@pytest.fixture
def interposer(interposing: Path, tmp_path: Path) -> Interposer:
    (tmp_path / "data").mkdir()
    found = Interposer(interposing, tmp_path, tmp_path / "data")
    found.reset()
    return found


def run(interposer: Interposer, program: str, data: Path, *, journal: bool = False) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-c", program, str(data)]
    environment = interposer.environment(journal=journal)
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


def held(data: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(data.rglob("*")) if path.is_file()}


def test_calls_are_counted_by_call_and_part(interposer: Interposer, tmp_path: Path):
    assert run(interposer, WRITE, tmp_path / "data").returncode == 0
    counted = interposer.histogram()
    assert counted[Call.WRITE, Part.ORIGINALS] == 5
    assert counted[Call.CREATE, Part.ORIGINALS] == 5
    assert counted[Call.FSYNC, Part.ORIGINALS] == 6
    assert counted[Call.MKDIR, Part.ORIGINALS] == 1
    assert interposer.calls == sum(counted.values()) == len(interposer.trace())


def test_a_program_is_killed_before_the_call(interposer: Interposer, tmp_path: Path):
    interposer.arm(Action.KILL, [point.call for point in traced(interposer, tmp_path)].index(Call.WRITE) + 1)
    assert run(interposer, WRITE, tmp_path / "data").returncode == -9
    assert held(tmp_path / "data") == {"0": ""}
    assert interposer.fired is not None
    assert interposer.fired.call is Call.WRITE


def test_a_torn_write_is_half_of_it(interposer: Interposer, tmp_path: Path):
    interposer.arm(Action.TORN, [point.call for point in traced(interposer, tmp_path)].index(Call.WRITE) + 1)
    assert run(interposer, WRITE, tmp_path / "data").returncode == -9
    assert held(tmp_path / "data") == {"0": "01234"}


def test_a_power_cut_takes_back_what_no_sync_covered(interposer: Interposer, tmp_path: Path):
    writes = [n for n, point in enumerate(traced(interposer, tmp_path)) if point.call is Call.WRITE]
    interposer.arm(Action.CUT, writes[4] + 1)
    done = run(interposer, WRITE, tmp_path / "data", journal=True)
    assert (done.returncode, done.stdout.split()) == (-9, ["0", "1", "2", "3"])
    assert held(tmp_path / "data") == dict.fromkeys("012", "0123456789")
    assert interposer.undone == 5  # two folders, which are not empty and so stay; the names of 3 and 4, the bytes of 3


def test_a_power_cut_takes_back_names(interposer: Interposer, tmp_path: Path):
    run(interposer, REPLACE, tmp_path / "data", journal=True)
    assert held(tmp_path / "data") == {"kept": "xxx", "lost": "new", "last": "x"}
    calls = interposer.calls
    again = tmp_path / "again"
    again.mkdir()
    second = Interposer(interposer._library, tmp_path, again)
    second.reset()
    second.arm(Action.CUT, calls)
    assert run(second, REPLACE, again, journal=True).returncode == -9
    assert held(again) == {"kept": "new", "lost": "old", "lost.new": "new", "gone": "old"}


FAILING = [(Action.FULL, "No space left"), (Action.BROKEN, "Input/output"), (Action.READ_ONLY, "Read-only file system")]


@pytest.mark.parametrize(("action", "word"), FAILING)
def test_a_full_or_dying_disk_says_so(interposer: Interposer, tmp_path: Path, action: Action, word: str):
    interposer.arm(action, 1)
    done = run(interposer, WRITE, tmp_path / "data")
    assert done.returncode == 1
    assert word in done.stderr
    assert interposer.failing
    interposer.heal()
    interposer.disarm()
    assert run(interposer, WRITE, tmp_path / "data").returncode == 0


def test_the_time_of_day_is_shifted_and_no_other_clock(interposer: Interposer, tmp_path: Path):
    program = "import time; print(time.time(), time.monotonic())"
    interposer.shift_clock(-86_400)
    day, steady = map(float, run(interposer, program, tmp_path / "data").stdout.split())
    assert time.time() - day == pytest.approx(86_400, abs=10)
    assert time.monotonic() - steady < 10


def test_what_lies_elsewhere_is_left_alone(interposer: Interposer, tmp_path: Path):
    interposer.arm(Action.KILL, 1)
    assert run(interposer, WRITE, tmp_path / "elsewhere").returncode == 0
    assert interposer.calls == 0


def test_a_power_cut_takes_nothing_back_that_lies_elsewhere(interposer: Interposer, tmp_path: Path):
    """Such as what the server said on its way there."""
    log = tmp_path / "said"
    program = f"import os; os.write(os.open({str(log)!r}, os.O_WRONLY | os.O_CREAT), b'kept')\n{WRITE}"
    interposer.arm(Action.CUT, 3)
    assert run(interposer, program, tmp_path / "data", journal=True).returncode == -9
    assert log.read_text() == "kept"


def traced(interposer: Interposer, folder: Path) -> list[Point]:
    """What the program calls when nothing happens to it; its files are gone again."""
    data = folder / "data"
    run(interposer, WRITE, data)
    found = interposer.trace()
    for path in sorted(data.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    interposer.reset()
    return found
