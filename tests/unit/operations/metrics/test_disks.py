import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from ragkeeper.core.figures.machine import DISK_AVAILABLE, DISK_FREE, DISK_READ_ONLY, DISK_SIZE, INODES
from ragkeeper.core.instruments import Gauge
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.metrics import disks, proc
from ragkeeper.operations.metrics.disks import DiskFigures
from ragkeeper.operations.metrics.looks import Looks


def places(metrics: Metrics, gauge: Gauge) -> list[str]:
    [family] = [one for one in metrics.families() if one.name == gauge.name]
    return sorted(sample.labels["mountpoint"] for sample in family.samples)


@contextmanager
def hanging(monkeypatch: pytest.MonkeyPatch, *places: str) -> Iterator[None]:
    """These do not answer, as a file system of the network whose server is gone."""
    real, back = os.statvfs, threading.Event()

    def statvfs(place: str) -> os.statvfs_result:
        if place in places:
            back.wait(60)
        return real(place)

    monkeypatch.setattr(disks.os, "statvfs", statvfs)
    try:
        yield
    finally:
        back.set()


async def test_a_file_system_that_does_not_say_how_large_it_is_has_no_size(tmp_path: Path) -> None:
    metrics = Metrics()
    figures = DiskFigures(metrics, {"data": tmp_path, "other": Path("/proc")})
    await figures.look_at("data")
    await figures.look_at("other")
    for gauge in (DISK_SIZE, DISK_AVAILABLE, DISK_FREE):
        assert places(metrics, gauge)
        assert "/proc" not in places(metrics, gauge)
    for gauge in (DISK_READ_ONLY, INODES):
        assert "/proc" in places(metrics, gauge)


async def test_each_is_told_once_whatever_lies_on_it_and_wherever_it_is_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = Metrics()
    (tmp_path / "again").mkdir()
    mounts = {one: proc.FileSystem("disk", "ext4", str(one)) for one in (tmp_path, tmp_path / "again")}
    monkeypatch.setattr(proc, "file_systems", lambda paths, _: {mounts[one] for one in paths})
    figures = DiskFigures(metrics, {"data": tmp_path, "files": tmp_path, "backups": tmp_path / "again"})
    for what in ("backups", "files", "data"):
        await figures.look_at(what)
    assert places(metrics, DISK_SIZE) == [str(tmp_path)]


async def test_one_that_is_gone_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    figures = DiskFigures(metrics, {"data": tmp_path, "backups": Path("/proc")})
    await figures.look_at("data")
    await figures.look_at("backups")
    assert len(places(metrics, INODES)) == 2
    monkeypatch.setattr(proc, "file_systems", lambda *_: set())
    await figures.look_at("backups")
    assert "/proc" not in places(metrics, INODES)


async def test_one_that_does_not_answer_holds_no_other_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    with hanging(monkeypatch, "/proc"):
        figures = DiskFigures(metrics, {"backups": Path("/proc"), "data": tmp_path})
        looks = Looks(metrics, limit=0.05)
        for what in ("backups", "data"):
            looks.add(what, partial(figures.look_at, what))
        for _ in range(3):
            await looks.refresh()
        async with asyncio.timeout(30):
            while not places(metrics, DISK_SIZE):
                await looks.refresh()
        assert "/proc" not in places(metrics, INODES)
        await looks.stop()


async def test_those_that_do_not_answer_leave_threads_for_the_rest_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = {str(number): tmp_path for number in range(8)}
    [mount] = proc.file_systems([tmp_path])
    before = threading.active_count()
    with hanging(monkeypatch, mount.mountpoint):
        figures = DiskFigures(Metrics(), paths)
        looks = [asyncio.create_task(figures.look_at(what)) for what in paths]
        await asyncio.wait(looks, timeout=0.1)
        assert threading.active_count() - before <= 2
    await asyncio.gather(*looks)
