"""Faults of the machine: its disks, processors, memory, network and clock."""

import mmap
import socket
import subprocess
import threading
import time
from pathlib import Path

from tests.acceptance.mounts import inside
from tests.faults.alerts.fault import DAYS, Act, Fault
from tests.faults.alerts.scene import SENDER, Needs, Scene

_CLOCK = Needs(clock=True)


def fill_disk(share: float) -> Act:
    def act(made: Scene) -> None:
        of = f"$(df -B1 --output={{}} {made.data} | tail -1)"
        count = f"$(({of.format('size')} * {int(share * 100)} / 100 - {of.format('used')}))"
        inside(made.server, "sh", "-c", f"head -c {count} /dev/zero > {made.data}/filler")

    return act


def _fill_slowly(made: Scene) -> None:
    for number in range(60):
        inside(made.server, "sh", "-c", f"head -c 600000 /dev/zero > {made.data}/filler{number}")
        time.sleep(0.25)


def empty_disk(made: Scene) -> None:
    inside(made.server, "sh", "-c", f"rm -f {made.data}/filler*")


def _many_files(made: Scene) -> None:
    inside(made.server, "sh", "-c", f"mkdir {made.data}/filler; cd {made.data}/filler; seq 3700 | xargs touch")


def _few_files(made: Scene) -> None:
    inside(made.server, "rm", "-r", f"{made.data}/filler")


def _busy(made: Scene) -> None:
    """Work that gives way to all other work."""
    made.held += [subprocess.Popen(["nice", "-n", "19", "sh", "-c", "while :; do :; done"]) for _ in range(2)]


def _idle(made: Scene) -> None:
    while made.held:
        process = made.held.pop()
        process.kill()
        process.wait()


def _take_memory(made: Scene) -> None:
    held = mmap.mmap(-1, int(_memory() * 0.06))
    for at in range(0, len(held), mmap.PAGESIZE):
        held[at] = 1
    made.held.append(held)


def _give_memory_back(made: Scene) -> None:
    made.held.pop().close()


def _meminfo() -> dict[str, float]:
    lines = (line.split() for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    return {line[0].rstrip(":"): float(line[1]) * 1024 for line in lines}


def _memory() -> float:
    return _meminfo()["MemTotal"]


def _memory_limits() -> str:
    found = _meminfo()
    used = 1 - found["MemAvailable"] / found["MemTotal"]
    return f"HighMemoryUsage.warning={used + 0.02:.3f},HighMemoryUsage.critical={used + 0.04:.3f}"


def _send(made: Scene) -> None:
    over = threading.Event()
    made.held.append(over)
    threading.Thread(target=_flood, args=(over,), daemon=True).start()


def _flood(over: threading.Event) -> None:
    frame = b"\xff" * 12 + b"\x88\xb5" + bytes(1400)  # to everybody, of the kind kept free for experiments
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((SENDER, 0))
        while not over.wait(0.01):
            for _ in range(60):
                sender.send(frame)


def _send_no_more(made: Scene) -> None:
    made.held.pop().set()


def _set_clock(seconds: int) -> Act:
    def act(made: Scene) -> None:
        assert made.clock is not None
        made.clock.shift_clock(seconds)

    return act


MACHINE = (
    Fault(
        "the disk is 93 % full",
        ("DiskSpaceLow.warning", "DiskSpaceLow.critical"),
        fill_disk(0.93),
        empty_disk,
        Needs(disk="size=100m", documents=2),
        untold=("DiskSpaceLow.warning",),
    ),
    Fault(
        "the disk fills steadily",
        ("DiskFullSoon.warning",),
        _fill_slowly,
        empty_disk,
        Needs(DAYS, disk="size=60m", documents=2),
    ),
    Fault(
        "a disk holds very many files",
        ("InodesLow.warning",),
        _many_files,
        _few_files,
        Needs(disk="size=60m,nr_inodes=4000", documents=2),
    ),
    Fault(
        "the processors are busy",
        ("HighCPUUsage.warning", "HighCPUUsage.critical"),
        _busy,
        _idle,
        # The machine has other work beside: it may well be busier than the guides like before this begins.
        Needs(thresholds="HighCPUUsage.warning=0.96,HighCPUUsage.critical=0.97"),
        untold=("HighCPUUsage.warning",),
        seconds=180,
    ),
    Fault(
        "far more goes over the network than before",
        ("NetworkInSpike.warning", "NetworkOutSpike.warning"),
        _send,
        _send_no_more,
        Needs(links=True),
    ),
    Fault(
        "6 % of the memory is taken",
        ("HighMemoryUsage.warning", "HighMemoryUsage.critical"),
        _take_memory,
        _give_memory_back,
        Needs(thresholds=_memory_limits()),
        untold=("HighMemoryUsage.warning",),
    ),
    *(
        Fault(
            f"the clock is set {way} by an hour", ("ClockSet.warning",), _set_clock(hours * 3600), _set_clock(0), _CLOCK
        )
        for way, hours in (("back", -1), ("forward", 1))
    ),
)
