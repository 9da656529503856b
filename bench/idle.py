"""What a server costs while nobody asks it anything.

    python -m bench.idle [--chunks 10000] [--settle 45] [--seconds 60] [--json]

`ragkeeper serve` on a prepared folder (see bench/prepared.py), left alone until what follows a start is done, then
watched: its processor time in percent of one core, that of its busiest threads, and bytes given to the disk.
Target: 2 %.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import prepared
from bench.conditions import print_conditions
from bench.processes import processor_seconds
from bench.server import serving

PERCENT = 2.0
_TICKS = os.sysconf("SC_CLK_TCK")
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Spent:
    """processor, threads: seconds; written: bytes."""

    processor: float
    threads: Mapping[str, float]
    written: int

    @classmethod
    def by(cls, pid: int) -> "Spent":
        own = Path(f"/proc/{pid}")
        written = next(line for line in (own / "io").read_text().splitlines() if line.startswith("write_bytes"))
        threads = {one.name: _seconds(one / "stat") for one in (own / "task").iterdir()}
        return cls(processor_seconds(pid), threads, int(written.split()[1]))

    def since(self, before: "Spent") -> "Spent":
        threads = {name: now - before.threads.get(name, 0.0) for name, now in self.threads.items()}
        return Spent(self.processor - before.processor, threads, self.written - before.written)


def main() -> int:
    options = _options()
    if not prepared.DATA.exists():
        print(f"no data at {prepared.DATA}")
        return 0 if options.self_check else 3
    if options.self_check:
        options.chunks, options.settle, options.seconds = 500, 0.0, 3.0
    with serving(prepared.prepared(options.chunks)) as server:
        time.sleep(options.settle)
        before = Spent.by(server.process.pid)
        time.sleep(options.seconds)
        spent = Spent.by(server.process.pid).since(before)
    percent = spent.processor / options.seconds * 100
    if options.json:
        print(json.dumps({"percent": round(percent, 2), "written_bytes": spent.written}))
    else:
        print_conditions("sqlalchemy", "uvicorn")
        print(f"idle for {options.seconds:g} s: {percent:.2f} % of a core (target {PERCENT:g} %)")
        busiest = sorted(spent.threads.values(), reverse=True)[:_SHOWN]
        print(f"its busiest threads: {', '.join(f'{one / options.seconds * 100:.2f} %' for one in busiest)}")
        print(f"written: {spent.written / 1e6:.2f} MB")
    return int(spent.processor <= 0) if options.self_check else int(percent > PERCENT)


def _seconds(stat: Path) -> float:
    fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:13]) / _TICKS


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--settle", type=float, default=45.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
