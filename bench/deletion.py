"""Deleting a thousand documents with one call.

    python -m bench.deletion [--documents 1000] [--json]

Small Markdown files, all ready, are deleted by their ids. Measured is the call until its receipt; the very next
searches, by the word that stands in each of them alone, must find none of them, whatever the index has done by then.
Target: 5 s.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import load, small_files
from bench.conditions import print_conditions
from bench.server import Server, serving

SECONDS = 5.0
_ASKED = 50


@dataclass(frozen=True, slots=True)
class Measured:
    """found: deleted documents that a search still showed; index_seconds: from the call until the index is clean."""

    documents: int
    seconds: float
    found: int
    index_seconds: float


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="ragkeeper-bench-") as name, serving(Path(name)) as server:
        measured = asyncio.run(measure(server, 10 if options.self_check else options.documents))
    if options.json:
        print(json.dumps(asdict(measured)))
    else:
        print_conditions("qdrant-edge-py", "sqlalchemy")
        print(f"{measured.documents} documents deleted in {measured.seconds:.2f} s (target {SECONDS:.0f})")
        print(f"found by a search afterwards: {measured.found}; index clean after {measured.index_seconds:.2f} s")
    return int(bool(measured.found) or (not options.self_check and measured.seconds > SECONDS))


async def measure(server: Server, n_documents: int) -> Measured:
    uploads = await small_files.upload(server, small_files.texts(n_documents))
    ids = [answer["id"] for answer in uploads.json()]
    connection = await load.Connection.open(server.address, server.key)
    while any((await _status(connection))["queue"].values()):  # noqa: ASYNC110 - another process works
        await asyncio.sleep(0.2)
    if not await _found(connection, range(1)):
        raise SystemExit("nothing is found before the deletion: what is not found afterwards would prove nothing")
    began = time.perf_counter()
    receipt = json.loads(await connection.send(load.Request.of("/api/v1/documents/delete", {"ids": ids})))
    seconds = time.perf_counter() - began
    if receipt["documents"] != n_documents:
        raise SystemExit(f"the receipt speaks of {receipt['documents']} documents")
    found = await _found(connection, range(min(n_documents, _ASKED)))
    while (await _status(connection))["index"]["chunks"]:  # noqa: ASYNC110 - another process works
        await asyncio.sleep(0.05)
    index_seconds = time.perf_counter() - began
    await connection.close()
    return Measured(n_documents, seconds, found, index_seconds)


async def _found(connection: load.Connection, numbers: range) -> int:
    total = 0
    for number in numbers:
        search = load.Request.of("/api/v1/search", {"query": small_files.marker(number), "mode": "lexical"})
        total += len(json.loads(await connection.send(search))["results"])
    return total


async def _status(connection: load.Connection) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(await connection.send(load.Request("/status")))
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
