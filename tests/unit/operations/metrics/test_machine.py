import shutil
from pathlib import Path

from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.metrics.machine import MachineFigures

DEVICE = "{name}: 1000 0 0 0 0 0 0 0 2000 0 0 0 0 0 0 0\n"


async def test_devices_of_containers_are_left_out(tmp_path: Path) -> None:
    for name in ("stat", "meminfo", "loadavg", "self/cgroup", "net/dev"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(f"/proc/{name}", tmp_path / name)
    virtual = [f"veth{number:07x}" for number in range(30)] + ["docker0", "br-1f2e3d4c5b6a", "cali12345"]
    lines = [DEVICE.format(name=name) for name in ("lo", *virtual, "eth0", "wlan0")]
    (tmp_path / "net/dev").write_text("".join(["Inter-|\n", " face |\n", *lines]))
    metrics = Metrics()
    await MachineFigures(metrics, lambda: None, tmp_path).look()
    [family] = [one for one in metrics.families() if one.name == "node_network_transmit_bytes"]
    assert {one.labels["device"]: one.value for one in family.samples} == {"lo": 2000, "eth0": 2000, "wlan0": 2000}
