import gzip
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ragkeeper.core.log_file import NAME, LogFile, LogLimits

DAY = 86_400
AMPLE = LogLimits(1_000_000, 30, 10_000_000)


class Lost:
    count = 0

    def __call__(self, count: int) -> None:
        self.count += count


def written(folder: Path, *lines: str, limits: LogLimits = AMPLE, now: Callable[[], float] = time.time) -> int:
    """How many of the lines were lost."""
    lost = Lost()
    file = LogFile(folder, limits, lost, now)
    file.start()
    for line in lines:
        file.write(line)
    file.close()
    return lost.count


def old(folder: Path) -> list[Path]:
    return sorted(folder.glob("ragkeeper-*"))


def test_lines_are_added_to_what_is_there(tmp_path: Path):
    assert written(tmp_path, "one", "two") == 0
    assert written(tmp_path, "three") == 0
    assert (tmp_path / NAME).read_text() == "one\ntwo\nthree\n"
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_a_full_file_is_compressed_and_another_begun(tmp_path: Path):
    small = LogLimits(10, 30, 10_000_000)
    written(tmp_path, "a" * 20, limits=small)
    written(tmp_path, "b", limits=small)
    assert (tmp_path / NAME).read_text() == "b\n"
    [rotated] = old(tmp_path)
    assert rotated.suffixes[-2:] == [".log", ".gz"]
    assert gzip.decompress(rotated.read_bytes()).decode() == "a" * 20 + "\n"


def test_each_day_has_its_own_file(tmp_path: Path):
    written(tmp_path, "yesterday")
    written(tmp_path, "today", now=lambda: time.time() + DAY)
    assert (tmp_path / NAME).read_text() == "today\n"
    assert len(old(tmp_path)) == 1


def test_old_files_go_after_their_days(tmp_path: Path):
    for days in (29, 31):
        path = tmp_path / f"ragkeeper-{days}.log.gz"
        path.write_bytes(b"x")
        os.utime(path, (time.time() - days * DAY,) * 2)
    written(tmp_path, "x")
    written(tmp_path, "x", limits=LogLimits(1, 30, 10_000_000))
    assert "ragkeeper-29.log.gz" in [one.name for one in old(tmp_path)]
    assert "ragkeeper-31.log.gz" not in [one.name for one in old(tmp_path)]


def test_old_files_together_have_a_limit(tmp_path: Path):
    for number in range(5):
        path = tmp_path / f"ragkeeper-{number}.log.gz"
        path.write_bytes(b"x" * 100)
        os.utime(path, (time.time() - number * 60,) * 2)
    written(tmp_path, "x")
    written(tmp_path, "x", limits=LogLimits(1, 30, 250))
    left = [one.name for one in old(tmp_path) if len(one.stem) < 20]
    assert left == ["ragkeeper-0.log.gz", "ragkeeper-1.log.gz"]


def test_a_disk_that_takes_nothing_costs_records_and_no_more(tmp_path: Path):
    lines = [f"{number:100}" for number in range(100)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        lost = written(tmp_path, *lines)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    kept = (tmp_path / NAME).read_text().splitlines()
    assert lost + len(kept) == len(lines)
    assert lost > 0
    assert set(kept) <= set(lines)  # none of them is cut in half
    assert written(tmp_path, "again") == 0


def test_it_waits_for_its_folder_and_makes_none(tmp_path: Path):
    lost = Lost()
    file = LogFile(tmp_path / "data" / "logs", AMPLE, lost)
    file.start()
    file.write("early")
    time.sleep(0.05)
    assert not (tmp_path / "data").exists()
    (tmp_path / "data" / "logs").mkdir(parents=True)
    file.close()
    assert (tmp_path / "data" / "logs" / NAME).read_text() == "early\n"
    assert lost.count == 0


def test_a_file_that_somebody_took_away_is_begun_anew(tmp_path: Path):
    file = LogFile(tmp_path, AMPLE, Lost())
    file.start()
    file.write("one")
    _until(lambda: (tmp_path / NAME).exists() and (tmp_path / NAME).stat().st_size > 0)
    (tmp_path / NAME).unlink()
    file.write("two")
    file.close()
    assert (tmp_path / NAME).read_text() == "two\n"


def _until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not reached():
        if time.monotonic() > end:
            pytest.fail("not within 5 s")
        time.sleep(0.005)
