"""What protection from overload costs searches that need none.

    python -m bench.protection [--chunks 10000] [--rounds 12] [--json]

Two real servers on copies of a prepared folder (see bench/prepared.py), one of them with RAG_SHED_LOAD=false, answer
the same searches in turns, two at a time, so that both meet the same noise. A round's figure is one server's searches
per second; the rounds' ratios are compared by their median. Target: at most 3 % fewer searches. What the guard of a
model adds to a call is bench/guard.py's figure.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from bench import load, prepared
from bench.conditions import print_conditions
from bench.server import Server, serving

MOST_LOST = 0.03
_AT_ONCE = 2


def main() -> int:
    options = _options()
    if not prepared.DATA.exists():
        print(f"no data at {prepared.DATA}")
        return 0 if options.self_check else 3
    n_chunks, rounds, n_searches = (500, 2, 20) if options.self_check else (options.chunks, options.rounds, 200)
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as name:
        for copy in ("on", "off"):
            shutil.copytree(prepared.prepared(n_chunks) / "data", Path(name) / copy / "data")
        with (
            serving(Path(name) / "on") as protected,
            serving(Path(name) / "off", {"RAG_SHED_LOAD": "false"}) as plain,
        ):
            pairs = asyncio.run(measure(protected, plain, n_searches, rounds))
    ratios = [on / off for on, off in pairs]
    lost = 1 - statistics.median(ratios)
    if options.json:
        print(json.dumps({"lost": lost, "ratios": ratios}))
    else:
        print_conditions("uvicorn", "fastapi")
        print(f"{n_chunks} chunks, {rounds} rounds of {n_searches} searches each, {_AT_ONCE} at a time")
        on, off = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(f"with protection {on:.0f}/s, without {off:.0f}/s (medians)")
        print(f"searches lost, median of the rounds: {lost:.1%} (target {MOST_LOST:.0%}); ", end="")
        print(f"the rounds' ratios from {min(ratios):.3f} to {max(ratios):.3f}")
    return 0 if options.self_check else int(lost > MOST_LOST)


async def measure(protected: Server, plain: Server, n_searches: int, rounds: int) -> list[tuple[float, float]]:
    """Searches a second of both, by round; who begins changes."""
    searches = [load.Request.of("/api/v1/search", {"query": question}) for question in prepared.questions(n_searches)]
    pairs: list[tuple[float, float]] = []
    for number in range(-1, rounds):  # the first round warms both
        order = (protected, plain) if number % 2 else (plain, protected)
        found = {server.address: await load.run(server.address, server.key, searches, _AT_ONCE) for server in order}
        if number >= 0:
            pairs.append((found[protected.address].per_second, found[plain.address].per_second))
    return pairs


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
