"""What the server adds to a model's own first token, beyond the search it makes.

    python -m bench.stream [--chunks 10000] [--requests 200] [--json]

A stand-in for an OpenAI-compatible model server, in a process of its own, streams its answer at once. Its first token
is timed directly; then `/chat/stream` is timed to its first `token` event, with the stand-in as the configured model
and a prepared folder (see bench/prepared.py) to search. Added = first token through ragkeeper, less the search's own
time as the answer reports it, less the stand-in's median first token. Target: p95 at most 40 ms.
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe

import numpy as np

from bench import load, prepared
from bench.conditions import print_conditions
from bench.server import Server, serving

ADDED_P95_MS = 40.0
_PIECES = ("It", " is", " so", " [1].")
_WARM = 5


def main() -> int:
    options = _options()
    if not prepared.DATA.exists():
        print(f"no data at {prepared.DATA}")
        return 0 if options.self_check else 3
    n_chunks, requests = (500, 5) if options.self_check else (options.chunks, options.requests)
    folder = prepared.prepared(n_chunks)
    with standin() as model:
        settings = {
            "RAG_LLM_PROVIDERS": "standin",
            "RAG_LLM_STANDIN_BASE_URL": f"{model}/v1",
            "RAG_LLM_STANDIN_MODEL": "instant",
        }
        own = asyncio.run(_own_first_tokens(model, requests))
        with serving(folder, settings) as server:
            through, search = asyncio.run(_first_tokens(server, prepared.questions(requests + _WARM)))
    added = [first - searched - float(np.median(own)) for first, searched in zip(through, search, strict=True)]
    figures = _percentiles("added", added) | _percentiles("first_token", through) | _percentiles("search", search)
    figures |= _percentiles("own_first_token", own)
    if options.json:
        print(json.dumps({"chunks": n_chunks, **figures}))
    else:
        print_conditions("openai", "httpx", "uvicorn")
        print(f"{n_chunks} chunks, {requests} streamed answers, milliseconds (target: added p95 {ADDED_P95_MS:.0f})")
        print("\n".join(f"  {name:24} {value:8.2f}" for name, value in figures.items()))
    return int(min(own) <= 0) if options.self_check else int(figures["added_p95_ms"] > ADDED_P95_MS)


async def _own_first_tokens(model: str, count: int) -> list[float]:
    body = {"model": "instant", "stream": True, "messages": [{"role": "user", "content": "?"}]}
    return [await _first(model, "", load.Request.of("/v1/chat/completions", body), "message") for _ in range(count)]


async def _first(address: str, key: str, request: load.Request, name: str) -> float:
    """Milliseconds on a fresh connection until the first event of this name."""
    connection = await load.Connection.open(address, key)
    began = time.perf_counter()
    events = await connection.events(request)
    await connection.close()
    return next(arrived - began for event, _, arrived in events if event == name) * 1000


async def _first_tokens(server: Server, queries: list[str]) -> tuple[list[float], list[float]]:
    """Per answer: milliseconds to its first token, and of these the search's."""
    first, search = [], []
    connection = await load.Connection.open(server.address, server.key)
    for query in queries:
        began = time.perf_counter()
        events = await connection.events(load.Request.of("/chat/stream", {"message": query}))
        done = next((body for name, body, _ in events if name == "done"), None)
        if done is None or done["mode"] != "full":
            raise SystemExit(f"the model did not answer: {json.dumps(done or events[-1][1])[:500]}")
        first.append(next(arrived - began for name, _, arrived in events if name == "token") * 1000)
        search.append(done["timings_ms"]["retrieve"])
    await connection.close()
    return first[_WARM:], search[_WARM:]


@contextmanager
def standin() -> Iterator[str]:
    """The address of a model server that answers at once."""
    mine, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve_standin, args=(theirs,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{mine.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve_standin(pipe: Pipe) -> None:
    asyncio.run(_standin(pipe))


async def _standin(pipe: Pipe) -> None:
    server = await asyncio.start_server(_reply, "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one kept-alive connection: whatever is asked, the same pieces, each at once."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = next((line.split(":")[1] for line in head.split("\r\n") if line.startswith("content-length")), "0")
            await reader.readexactly(int(length))
            writer.write(_answer(head))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _answer(head: str) -> bytes:
    if head.startswith("get"):
        body = json.dumps({"object": "list", "data": [{"id": "instant", "object": "model"}]}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    events = [_event({"role": "assistant", "content": piece}) for piece in _PIECES]
    events += [_event({}, "stop"), b"data: [DONE]\n\n"]
    body = b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in events) + b"0\r\n\r\n"
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + body


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    shape = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "instant", "choices": [choice]}
    return f"data: {json.dumps(shape)}\n\n".encode()


def _percentiles(name: str, values: list[float]) -> dict[str, float]:
    return {f"{name}_p{share}_ms": round(float(np.percentile(values, share)), 2) for share in (50, 95)}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-check", action="store_true", help="prove quickly that the program measures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
