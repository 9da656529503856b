"""How long a health probe waits for its answer: whatever is broken, and while the server has all it can do.

    python -m bench.probe [--chunks 10000] [--seconds 20] [--json]

A program beside a real server on a prepared folder (see bench/prepared.py) asks `/health/live` and `/health/ready` in
turn, twenty times a second, each over a connection of its own, as an orchestrator does:
- `broken`: everything that the server needs is gone or hangs. Its model endpoint and its Redis take connections and
  never answer, its database and its index were moved away.
- `idle`: nothing is broken and nothing is asked.
- `busy`: four searches at a time without a pause. They, and the clients that ask for them, take all of a small
  machine; `control` are the same probes of a program that does nothing else but answer them, during the same searches,
  so that what the machine makes everybody wait is told apart from what the server does.
Target: p99 at most 5 ms, broken and busy.
"""

import argparse
import asyncio
import http.client
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from bench import load, loopback, prepared
from bench.conditions import print_conditions
from bench.refuser import STATUS, refusing
from bench.server import Server, serving

P99_MS = 5.0
_AT_ONCE = 4
_EVERY = 0.05
_PATHS = ("/health/live", "/health/ready")
_ASK, _EXPECT = "--ask", "--expect"
_PARTS = ("database", "redis", "vector_db", "llm_service")
_TOLD_SECONDS = 60.0

Times = dict[str, list[float]]
"""Milliseconds of each answer, by path."""

Codes = tuple[int, int]
"""Status codes, in the order of the paths."""

_WELL: Codes = (200, 200)
# The process lives, and can do nothing useful.
_BROKEN: Codes = (200, 503)


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
    found = measured(options.chunks, options.seconds)
    worst = max(_percentile(found[state], path, 99) for state in ("broken", "busy") for path in _PATHS)
    if options.json:
        print(json.dumps({"p99_ms": worst}))
    else:
        print_conditions("uvicorn", "fastapi")
        print(f"{options.chunks} chunks; busy: searches {_AT_ONCE} at a time; {options.seconds:g} s each")
        for path in _PATHS:
            print(f"{path} (target {P99_MS:g} ms, broken and busy)")
            for state, times in found.items():
                p50, p99 = (f"p{share} {_percentile(times, path, share):.1f} ms" for share in (50, 99))
                print(f"  {state}: {p50}, {p99}")
    return int(worst <= 0) if options.self_check else int(worst > P99_MS)


def measured(n_chunks: int, seconds: float) -> dict[str, Times]:
    found: dict[str, Times] = {}
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as name, hanging() as hung:
        folder = Path(name)
        shutil.copytree(prepared.prepared(n_chunks) / "data", folder / "data")
        with serving(folder) as server:
            found["idle"] = asyncio.run(probed(server, seconds, at_once=0))
            found["busy"] = asyncio.run(probed(server, seconds, at_once=_AT_ONCE))
            with refusing() as address:
                found["control"] = asyncio.run(
                    probed(server, seconds, at_once=_AT_ONCE, instead=address, expected=(STATUS, STATUS))
                )
        model = {"RAG_LLM_PROVIDERS": "hung", "RAG_LLM_HUNG_BASE_URL": f"http://{hung}/v1", "RAG_LLM_HUNG_MODEL": "any"}
        with serving(folder, {**model, "REDIS_URL": f"redis://{hung}/0", "RAG_USE_CACHE": "true"}) as server:
            for path in (*(folder / "data").glob("ragkeeper.db*"), folder / "data/index"):
                path.rename(folder / path.name)
            _wait_until_told(server)
            found["broken"] = asyncio.run(probed(server, seconds, at_once=0, expected=_BROKEN))
            _wait_until_told(server)  # it did not come back meanwhile
    return found


@contextmanager
def hanging() -> Iterator[str]:
    """Host and port of who takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def _wait_until_told(server: Server) -> None:
    """Raises SystemExit when the server does not see that its parts are unwell: then nothing was broken."""
    end = time.monotonic() + _TOLD_SECONDS
    while time.monotonic() < end:
        parts = loopback.get(f"{server.address}/health", 30).json()["components"]
        if all(parts.get(name) == "unhealthy" for name in _PARTS):
            return
        time.sleep(0.1)
    raise SystemExit(f"the server does not tell that {', '.join(_PARTS)} are unwell: {parts}")


async def probed(server: Server, seconds: float, at_once: int, instead: str = "", expected: Codes = _WELL) -> Times:
    """Milliseconds of the probes, by path, while so many searches are under way all the time.

    instead: the address that is probed in place of the server's; expected: the status that each path answers.
    """
    searches = [load.Request.of("/api/v1/search", {"query": question}) for question in prepared.questions(100)]
    command = [sys.executable, "-m", "bench.probe", _ASK, instead or server.address, "--seconds", str(seconds)]
    prober = await asyncio.create_subprocess_exec(
        *command, _EXPECT, *(str(int(status)) for status in expected), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    answer = asyncio.create_task(prober.communicate())
    while at_once and not answer.done():
        await load.run(server.address, server.key, searches, at_once)
    told, failed = await answer
    if prober.returncode:
        raise SystemExit(failed.decode())
    found: Times = json.loads(told)
    return found


def ask(address: str, seconds: float, expected: Sequence[int]) -> Times:
    """Raises SystemExit when a probe is not answered with its path's expected status."""
    host = urlsplit(address).netloc
    found: Times = {path: [] for path in _PATHS}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for path, status in zip(_PATHS, expected, strict=True):
            began = time.perf_counter()
            connection = http.client.HTTPConnection(host, timeout=30)
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            found[path].append((time.perf_counter() - began) * 1000)
            connection.close()
            if answer.status != status:
                raise SystemExit(f"{path} was answered {answer.status}, not {status}")
            time.sleep(_EVERY)
    return found


def _percentile(found: Times, path: str, share: float) -> float:
    return float(np.percentile(found[path], share))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    parser.add_argument(_ASK, metavar="ADDRESS", help=argparse.SUPPRESS)
    parser.add_argument(_EXPECT, type=int, nargs=len(_PATHS), default=_WELL, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
