"""Run the faults and print what was seen: `python -m tests.faults.alerts [--write] [NAME …]`.

`--write` keeps what was seen in docs/reference/alerts.tsv, from which `make docs` makes the page. Of a fault that went
otherwise than it should nothing is kept: its rows stay as they were, and the exit status is 1.
"""

import argparse
import socket
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.alerts import SEEN, Sighting, read_sightings, write_sightings
from tests.faults.alerts.course import Seen, run
from tests.faults.alerts.fault import Fault
from tests.faults.alerts.faults import FAULTS
from tests.faults.alerts.scene import SENDER
from tests.integration.monitoring.stack import Programs
from tests.machine import require_binary


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"keep what was seen in {SEEN.name}")
    parser.add_argument("names", nargs="*", help="only faults whose name holds one of these")
    given = parser.parse_args()
    chosen = [one for one in FAULTS if not given.names or any(name in one.name for name in given.names)]
    apart = [one for one in chosen if one.needs.links and SENDER not in dict(socket.if_nameindex()).values()]
    seen = run_all([one for one in chosen if one not in apart])
    if given.write:
        write_sightings(kept(read_sightings(), seen))
    return int(any(one.misses() for one in seen)) or (_run_apart(apart, ["--write"] * given.write) if apart else 0)


def _run_apart(faults: list[Fault], options: list[str]) -> int:
    """Run again in a place that has network devices of its own, and no others."""
    links = f"ip link set lo up && ip link add {SENDER} type veth peer name right && ip link set {SENDER} up"
    shell = ["unshare", "-rn", "sh", "-c", f'{links} && ip link set right up && exec "$@"', "sh"]
    again = [sys.executable, "-m", "tests.faults.alerts", *options, *(one.name for one in faults)]
    return subprocess.run([*shell, *again], check=False).returncode


def run_all(faults: list[Fault]) -> list[Seen]:
    """Two at a time: each is mostly waiting."""
    programs = Programs(require_binary("prometheus"), require_binary("prometheus-alertmanager"))
    redis = require_binary("redis-server")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:

        def one(number: int, fault: Fault) -> Seen:
            place = Path(folder) / str(number)
            place.mkdir()
            try:
                seen = run(fault, programs, redis, place)
            except Exception as error:  # noqa: BLE001 - what one fault does to its own scene must not end the others
                print(f"{fault.name}: {type(error).__name__}: {error}", flush=True)  # noqa: T201
                seen = Seen(fault, (), {}, {}, (), ())
            print(f"{fault.name}: {seen.misses() or 'as it should be'}", sightings(seen), flush=True)  # noqa: T201
            return seen

        return list(pool.map(one, range(len(faults)), faults))


def kept(before: list[Sighting], seen: list[Seen]) -> list[Sighting]:
    """What the table holds afterwards: new rows only of faults that went as they should."""
    good = [one for one in seen if not one.misses()]
    again = {one.fault.name for one in good}
    return [*(one for one in before if one.fault not in again), *(row for one in good for row in sightings(one))]


def sightings(seen: Seen) -> list[Sighting]:
    return [
        Sighting(
            alert,
            seen.fault.name,
            seen.fault.needs.scale,
            seen.fault.needs.thresholds,
            round(seen.fired[alert], 1),
            round(seen.ended.get(alert, -1), 1),
            alert in seen.told and alert in seen.resolved,
        )
        for alert in seen.fault.alerts
        if alert in seen.fired
    ]


if __name__ == "__main__":
    sys.exit(main())
