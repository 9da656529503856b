"""Figures of the file systems that the product writes to."""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ragkeeper.core.figures import machine as figures
from ragkeeper.core.instruments import Gauge
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.metrics import proc

# A file system of the network may not answer, and its thread is then gone until it does: no more than these.
_MOST_THREADS = 2


@dataclass(frozen=True, slots=True)
class _Found:
    """labels: device, kind and mount point; number: the kernel's of the file system."""

    labels: tuple[str, str, str]
    number: int
    stat: os.statvfs_result


class DiskFigures:
    """paths: wherever the product writes, by what it writes there. Each file system is told once."""

    def __init__(self, metrics: Metrics, paths: Mapping[str, Path], root: Path = proc.PROC) -> None:
        self._metrics = metrics
        self._paths = paths
        self._root = root
        self._threads = asyncio.Semaphore(_MOST_THREADS)
        self._found: dict[str, _Found] = {}

    async def look_at(self, what: str) -> None:
        """Each path apart from the others: one that does not answer keeps its figures, and theirs go on."""
        async with self._threads:
            found = await asyncio.to_thread(self._ask, self._paths[what])
        self._found.pop(what, None)
        if found is not None:
            self._found[what] = found
        self._tell()

    def _ask(self, path: Path) -> _Found | None:
        for one in proc.file_systems([path], self._root):
            labels, number = (one.device, one.kind, one.mountpoint), Path(one.mountpoint).stat().st_dev
            return _Found(labels, number, os.statvfs(one.mountpoint))
        return None

    def _tell(self) -> None:
        """A file system that is mounted at several places has the name of the first."""
        by_number: dict[int, _Found] = {}
        for what in self._paths:
            if what in self._found:
                by_number.setdefault(self._found[what].number, self._found[what])
        labelled = {one.labels: one.stat for one in by_number.values()}
        # Some do not say how large they are: a size of 0 would look like a full disk.
        sized = {labels: stat for labels, stat in labelled.items() if stat.f_blocks}
        sizes: dict[Gauge, Callable[[os.statvfs_result], float]] = {
            figures.DISK_SIZE: lambda stat: stat.f_blocks * stat.f_frsize,
            figures.DISK_AVAILABLE: lambda stat: stat.f_bavail * stat.f_frsize,
            figures.DISK_FREE: lambda stat: stat.f_bfree * stat.f_frsize,
        }
        others: dict[Gauge, Callable[[os.statvfs_result], float]] = {
            figures.INODES: lambda stat: stat.f_files,
            figures.INODES_FREE: lambda stat: stat.f_ffree,
            figures.DISK_READ_ONLY: lambda stat: stat.f_flag & os.ST_RDONLY,
        }
        for disks, gauges in ((sized, sizes), (labelled, others)):
            for gauge, value in gauges.items():
                self._metrics.replace(gauge, {labels: value(stat) for labels, stat in disks.items()})
