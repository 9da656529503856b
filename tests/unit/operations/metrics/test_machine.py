from pathlib import Path

from ragkeeper.core.figures.machine import DISK_AVAILABLE, DISK_FREE, DISK_READ_ONLY, DISK_SIZE, INODES
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.metrics.machine import MachineFigures


async def test_a_file_system_that_does_not_say_how_large_it_is_has_no_size(tmp_path: Path) -> None:
    metrics = Metrics()
    await MachineFigures(metrics, [tmp_path, Path("/proc")], lambda: None).look_at_disks()
    told = {
        sample.name: {one.labels["mountpoint"] for one in family.samples}
        for family in metrics.families()
        for sample in family.samples
        if sample.name.startswith("node_filesystem_")
    }
    for gauge in (DISK_SIZE, DISK_AVAILABLE, DISK_FREE):
        assert told[gauge.name]
        assert "/proc" not in told[gauge.name]
    for gauge in (DISK_READ_ONLY, INODES):
        assert "/proc" in told[gauge.name]
