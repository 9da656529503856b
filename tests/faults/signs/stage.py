"""A server that is watched by a real Prometheus, with one fault in reach, wherever the fault comes from."""

import asyncio
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.acceptance.mounts import inside as within
from tests.acceptance.server import COMMAND, Server
from tests.faults.alerts.fault import Fault as InnerFault
from tests.faults.alerts.scene import Needs as InnerNeeds
from tests.faults.alerts.scene import load
from tests.faults.alerts.scene import scene as inner_scene
from tests.faults.dependencies.faults import Fault as OuterFault
from tests.faults.dependencies.scene import Needs as OuterNeeds
from tests.faults.dependencies.scene import Programs as Besides
from tests.faults.dependencies.scene import scene as outer_scene
from tests.integration.monitoring.stack import Programs, Stack, watching

_SECONDS = 120.0
_USERS, _PAUSE = 3, 0.5
_DOCTOR = ("doctor", "--json")

Answer = subprocess.CompletedProcess[str] | subprocess.CompletedProcess[bytes]


@dataclass(frozen=True)
class Tools:
    """Programs of this machine that a stage is made of."""

    monitoring: Programs
    besides: Besides


Fault = InnerFault | OuterFault
Wait = Callable[[Awaitable[Any]], Any]
Place = InnerNeeds | OuterNeeds


@dataclass(frozen=True)
class Stage:
    """Where one fault after another is brought about and mended.

    work: what goes on before a fault, meanwhile and after. doctor: `ragkeeper doctor --json` as a person on the
    server's machine runs it.
    """

    server: Server
    stack: Stack
    begin: Callable[[Any], object]
    end: Callable[[Any], object]
    work: Callable[[Any], AbstractContextManager[object]]
    doctor: Callable[[], Answer]


def staged(place: Place, scale: float, folder: Path, tools: Tools) -> AbstractContextManager[Stage]:
    """scale: by which waits and windows of alerts are shorter."""
    if isinstance(place, OuterNeeds):
        return _beside(place, scale, folder, tools)
    return _inside(replace(place, scale=scale), folder, tools)


@contextmanager
def _beside(needs: OuterNeeds, scale: float, folder: Path, tools: Tools) -> Iterator[Stage]:
    """What the server depends on is broken while a few people use it."""
    with _loop() as wait, _entered(wait, outer_scene(folder / "server", needs, tools.besides)) as scene:
        server: Server = scene.server
        address = f"127.0.0.1:{server.environment['RAG_PORT']}"
        scene.model.pause = 0.0
        with watching(tools.monitoring, folder / "watch", [address], f"--time-scale={scale}") as stack:
            yield Stage(
                server,
                stack,
                lambda fault: wait(fault.breaks(scene)),
                lambda fault: _mend(server, wait, fault.heals(scene) if fault.heals else None),
                lambda _: load(partial(_use, server), _USERS, _PAUSE),
                lambda: server.run(*_DOCTOR, check=False),
            )


def _mend(server: Server, wait: Wait, healing: Awaitable[None] | None) -> None:
    """And close the breakers as an operator does who knows that all is well: by themselves they wait for minutes."""
    if healing is not None:
        wait(healing)
    for one in server.http.get("/admin/breakers").json():
        server.http.post(f"/admin/breakers/{one['provider']}", json={"act": "close"}).raise_for_status()


def _use(server: Server) -> None:
    """A question and a search that nobody asked before, and something to store."""
    number = time.monotonic_ns()
    server.http.post("/chat", json={"message": f"How often is the pump P-7 serviced, asks visitor {number}?"})
    server.http.post("/api/v1/search", json={"query": f"parental leave {number}"})
    server.http.post("/api/v1/documents", json={"title": f"Note {number}", "text": f"Visitor {number} was here."})


@contextmanager
def _inside(needs: InnerNeeds, folder: Path, tools: Tools) -> Iterator[Stage]:
    """The server itself or its machine is broken, as tests.faults.alerts does."""
    assert tools.besides.redis is not None
    with inner_scene(tools.monitoring, tools.besides.redis, folder, needs) as made:
        server = made.server

        def doctor() -> Answer:
            if not needs.disk:
                return server.run(*_DOCTOR, check=False)
            settings = [f"{name}={value}" for name, value in server.environment.items()]
            return within(server, "env", f"--chdir={server.folder}", *settings, COMMAND, *_DOCTOR, check=False)

        def work(fault: InnerFault) -> AbstractContextManager[object]:
            return load(partial(fault.load, made) if fault.load else None, fault.threads, fault.pause)

        yield Stage(server, made.stack, lambda fault: fault.begin(made), lambda fault: fault.end(made), work, doctor)


@contextmanager
def _loop() -> Iterator[Wait]:
    """An event loop in a thread of its own, and how to wait for what is done on it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield lambda work: asyncio.run_coroutine_threadsafe(_result(work), loop).result(_SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_SECONDS)
        loop.close()


async def _result(work: Awaitable[Any]) -> Any:
    return await work


@contextmanager
def _entered(wait: Wait, manager: Any) -> Iterator[Any]:
    """An asynchronous context, entered and left on the loop."""
    entered = wait(manager.__aenter__())
    try:
        yield entered
    finally:
        wait(manager.__aexit__(None, None, None))
