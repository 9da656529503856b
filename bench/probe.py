"""How long a health probe waits for its answer while the server has all it can do.

    python -m bench.probe [--chunks 10000] [--seconds 20] [--json]

A real server on a prepared folder (see bench/prepared.py) is asked for searches by four at a time without a pause;
a program beside it asks `/health/live` and `/health/ready` in turn, twenty times a second, each over a connection of
its own, as an orchestrator does. Target: p99 at most 5 ms. The searches, and the clients that ask for them, take all
of a small machine: `control` are the same probes of a program that does nothing else but answer them, during the same
searches, so that what the machine makes everybody wait is told apart from what the server does.
"""

import argparse
import asyncio
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from bench import load, prepared
from bench.conditions import print_conditions
from bench.refuser import STATUS, refusing
from bench.server import Server, serving

P99_MS = 5.0
_AT_ONCE = 4
_EVERY = 0.05
_PATHS = ("/health/live", "/health/ready")
_ASK, _EXPECT = "--ask", "--expect"


def main() -> int:
    options = _options()
    if options.ask:
        print(json.dumps(ask(options.ask, options.seconds, options.expect)))
        return 0
    if not prepared.DATA.exists():
        print(f"no data at {prepared.DATA}")
        return 0 if options.self_check else 3
    if options.self_check:
        options.chunks, options.seconds = 500, 1.0
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as name:
        shutil.copytree(prepared.prepared(options.chunks) / "data", Path(name) / "data")
        with serving(Path(name)) as server:
            idle = asyncio.run(probed(server, options.seconds, at_once=0))
            busy = asyncio.run(probed(server, options.seconds, at_once=_AT_ONCE))
            with refusing() as address:
                control = asyncio.run(probed(server, options.seconds, at_once=_AT_ONCE, instead=address))
    worst = max(_percentile(busy, path, 99) for path in _PATHS)
    if options.json:
        print(json.dumps({"p99_ms": worst}))
    else:
        print_conditions("uvicorn", "fastapi")
        print(f"{options.chunks} chunks; searches {_AT_ONCE} at a time, {options.seconds:g} s")
        for path in _PATHS:
            p50, p99 = (f"p{share} {_percentile(busy, path, share):.1f} ms" for share in (50, 99))
            print(f"{path}: {p50}, {p99} (target {P99_MS:g} ms; ", end="")
            print(f"idle {_percentile(idle, path, 99):.1f} ms, control {_percentile(control, path, 99):.1f} ms)")
    return int(worst <= 0) if options.self_check else int(worst > P99_MS)


async def probed(server: Server, seconds: float, at_once: int, instead: str = "") -> dict[str, list[float]]:
    """Milliseconds of the probes, by path, while so many searches are under way all the time.

    instead: the address that is probed in place of the server's.
    """
    searches = [load.Request.of("/api/v1/search", {"query": question}) for question in prepared.questions(100)]
    command = [sys.executable, "-m", "bench.probe", _ASK, instead or server.address, "--seconds", str(seconds)]
    command += [_EXPECT, str(STATUS.value)] if instead else []
    prober = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    answer = asyncio.create_task(prober.communicate())
    while at_once and not answer.done():
        await load.run(server.address, server.key, searches, at_once)
    found: dict[str, list[float]] = json.loads((await answer)[0])
    return found


def ask(address: str, seconds: float, expected: int) -> dict[str, list[float]]:
    """Raises SystemExit when a probe is not answered with the expected status."""
    host = urlsplit(address).netloc
    found: dict[str, list[float]] = {path: [] for path in _PATHS}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for path in _PATHS:
            began = time.perf_counter()
            connection = http.client.HTTPConnection(host, timeout=30)
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            found[path].append((time.perf_counter() - began) * 1000)
            connection.close()
            if answer.status != expected:
                raise SystemExit(f"{path} was answered {answer.status}")
            time.sleep(_EVERY)
    return found


def _percentile(found: dict[str, list[float]], path: str, share: float) -> float:
    return float(np.percentile(found[path], share))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    parser.add_argument(_ASK, metavar="ADDRESS", help=argparse.SUPPRESS)
    parser.add_argument(_EXPECT, type=int, default=http.client.OK, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
