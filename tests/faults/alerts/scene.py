"""A server with a model, watched by a real Prometheus whose waits and windows are shortened."""

import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.background import in_background
from tests.acceptance.guides.test_answers import provider
from tests.acceptance.mounts import on_own_disk
from tests.acceptance.server import COMMAND, Server, add_text, serving, wait_for, wait_until_ready
from tests.contract.cache.server import RedisServer, redis_server
from tests.contract.chat.standin import StandIn
from tests.contract.embedding.standin import StandIn as EmbeddingStandIn
from tests.faults.harness.interposer import Interposer, compile_library
from tests.integration.monitoring.stack import Programs, Stack, watching

# Nothing else differs from a server as it comes.
_SETTINGS = {"RAG_BREAKER_OPEN_SECONDS": "2", "RAG_MIN_FREE_MB": "0", "RAG_SHED_LOAD": "false"}
_TEXT = "Order {0} of the harbour. Every ferry leaves at three minutes past the hour, also ferry {0}."
SENDER = "left"
PIECES = ("Every ferry leaves ", "at three minutes ", "past the hour [1].")


@dataclass(frozen=True)
class Needs:
    """disk: options of a disk of its own; embedder: an endpoint in place of the shipped model; clock: one to set.

    links: network devices of its own, one of which hears what is sent over the other. webhook: the server tells its
    alerts by one, which the embedder's endpoint answers.
    """

    scale: float = 0.01
    model: bool = True
    embedder: bool = False
    redis: bool = False
    disk: str = ""
    documents: int = 12
    settings: Mapping[str, str] = field(default_factory=dict)
    thresholds: str = ""
    clock: bool = False
    links: bool = False
    webhook: bool = False


@dataclass
class Scene:
    server: Server
    stack: Stack
    model: StandIn
    embedder: EmbeddingStandIn
    redis: RedisServer | None
    clock: Interposer | None = None
    again: subprocess.Popen[bytes] | None = None
    numbers: int = 0
    held: list[Any] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def data(self) -> Path:
        return self.server.folder / "data"

    def number(self) -> int:
        """A new one each time, so that no two questions are the same."""
        with self.lock:
            self.numbers += 1
            return self.numbers

    def ask(self) -> None:
        self._post("/chat", {"message": f"When does ferry {self.number()} leave the harbour?"})

    def search(self) -> None:
        self._post("/api/v1/search", {"query": f"ferry {self.number()}"})

    def add(self) -> None:
        number = self.number()
        add_text(self.server, f"Order {number}", _TEXT.format(number))

    def kill(self) -> None:
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait()

    def start_again(self) -> None:
        environment = {"PATH": os.environ["PATH"], **self.server.environment}
        with (self.server.folder / "server.log").open("ab") as log:
            self.again = subprocess.Popen(
                [COMMAND, "serve"], cwd=self.server.folder, env=environment, stdout=log, stderr=subprocess.STDOUT
            )

    def _post(self, path: str, body: Mapping[str, str]) -> None:
        try:
            self.server.http.post(path, json=body)
        except httpx.TransportError:
            time.sleep(0.2)


@contextmanager
def scene(programs: Programs, redis: Path, folder: Path, needs: Needs) -> Iterator[Scene]:
    """Up, filled, asked once, and quiet."""
    with ExitStack() as parts:
        model = parts.enter_context(in_background(StandIn(PIECES)))
        embedder = parts.enter_context(in_background(EmbeddingStandIn()))
        cache = parts.enter_context(redis_server(redis, folder / "redis") if needs.redis else nullcontext())
        settings = {**_SETTINGS, **_models(model, embedder, cache, needs), **needs.settings}
        place = folder / "server"
        clock = _clock(place) if needs.clock else None
        settings |= clock.environment(journal=False) if clock else {}
        if needs.disk:
            server = parts.enter_context(on_own_disk(place, "", needs.disk, settings))
        else:
            server = parts.enter_context(serving(place, settings))
        address = f"127.0.0.1:{server.environment['RAG_PORT']}"
        options = [f"--time-scale={needs.scale}"]
        watched = watching(programs, folder, [address], *options, settings={"RAG_ALERT_THRESHOLDS": needs.thresholds})
        stack = parts.enter_context(watched)
        made = Scene(server, stack, model, embedder, cache, clock)
        parts.callback(_end, made)
        wait_until_ready(server, [_filled(made) for _ in range(needs.documents)])
        made.ask()
        wait_for(lambda: bool(stack.query("rag_ready == 1")))
        yield made


@contextmanager
def load(work: Callable[[], object] | None, threads: int, pause: float) -> Iterator[None]:
    """The work is done again and again meanwhile."""
    stop = threading.Event()

    def again() -> None:
        while work is not None and not stop.wait(pause):
            with suppress(httpx.TransportError):
                work()

    running = [threading.Thread(target=again, daemon=True) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in running:
            thread.join(30)


def _models(model: StandIn, embedder: EmbeddingStandIn, cache: RedisServer | None, needs: Needs) -> dict[str, str]:
    found = provider(model) if needs.model else {}
    if needs.embedder:
        found |= {"RAG_EMBEDDING_MODEL": "openai:standin", "RAG_EMBEDDING_BASE_URL": embedder.base_url}
    if cache is not None:
        found |= {"REDIS_URL": cache.url}
    if needs.webhook:
        found |= {"RAG_ALERT_WEBHOOK_URL": embedder.base_url}
    return found


def _clock(place: Path) -> Interposer:
    place.mkdir(parents=True)
    found = Interposer(compile_library(place), place, place / "data")
    found.reset()
    return found


def _filled(made: Scene) -> str:
    number = made.number()
    return add_text(made.server, f"Order {number}", _TEXT.format(number))


def _end(made: Scene) -> None:
    if made.again is not None:
        made.again.terminate()
        made.again.wait(30)


def sql(made: Scene, *statements: str) -> None:
    """Behind the product's back."""
    with sqlite3.connect(made.data / "ragkeeper.db", timeout=30) as truth:
        for statement in statements:
            truth.execute(statement)
