"""A server that is watched by a real Prometheus, with one fault in reach, wherever the fault comes from."""

import asyncio
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.acceptance.mounts import inside as within
from tests.acceptance.server import COMMAND, Server
from tests.faults.alerts.fault import Fault as InnerFault
from tests.faults.alerts.scene import load
from tests.faults.alerts.scene import scene as inner_scene
from tests.faults.dependencies.faults import Fault as OuterFault
from tests.faults.dependencies.load import Load
from tests.faults.dependencies.scene import Programs as Besides
from tests.faults.dependencies.scene import scene as outer_scene
from tests.integration.monitoring.stack import Programs, Stack, watching

_SECONDS = 120.0
_DOCTOR = ("doctor", "--json")

Answer = subprocess.CompletedProcess[str] | subprocess.CompletedProcess[bytes]


@dataclass(frozen=True)
class Tools:
    """Programs of this machine that a stage is made of."""

    monitoring: Programs
    besides: Besides


@dataclass(frozen=True)
class Stage:
    """begin, end: of the fault. doctor: `ragkeeper doctor --json` as a person on the server's machine runs it."""

    server: Server
    stack: Stack
    begin: Callable[[], object]
    end: Callable[[], object]
    doctor: Callable[[], Answer]


def beside(fault: OuterFault, scale: float) -> Callable[[Path, Tools], AbstractContextManager[Stage]]:
    """Something that the server depends on, broken under constant light load."""

    @contextmanager
    def stage(folder: Path, tools: Tools) -> Iterator[Stage]:
        with _loop() as wait, _entered(wait, outer_scene(folder / "server", fault.needs, tools.besides)) as scene:
            server: Server = scene.server
            address = f"127.0.0.1:{server.environment['RAG_PORT']}"
            work = Load(f"http://{address}", str(server.http.headers["X-API-Key"]), changes=fault.needs.disk)
            with (
                watching(tools.monitoring, folder / "watch", [address], f"--time-scale={scale}") as stack,
                _entered(wait, work.running()),
            ):
                yield Stage(
                    server,
                    stack,
                    lambda: wait(fault.breaks(scene)),
                    lambda: wait(fault.heals(scene)) if fault.heals else None,
                    lambda: server.run(*_DOCTOR, check=False),
                )

    return stage


def inside(fault: InnerFault, scale: float) -> Callable[[Path, Tools], AbstractContextManager[Stage]]:
    """Something of the server itself or its machine, as tests.faults.alerts breaks it."""

    @contextmanager
    def stage(folder: Path, tools: Tools) -> Iterator[Stage]:
        assert tools.besides.redis is not None
        with inner_scene(tools.monitoring, tools.besides.redis, folder, replace(fault.needs, scale=scale)) as made:
            server = made.server

            def doctor() -> Answer:
                if not fault.needs.disk:
                    return server.run(*_DOCTOR, check=False)
                settings = [f"{name}={value}" for name, value in server.environment.items()]
                return within(server, "env", f"--chdir={server.folder}", *settings, COMMAND, *_DOCTOR, check=False)

            work = partial(fault.load, made) if fault.load else None
            with load(work, fault.threads, fault.pause):
                yield Stage(server, made.stack, lambda: fault.begin(made), lambda: fault.end(made), doctor)

    return stage


Wait = Callable[[Awaitable[Any]], Any]


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
