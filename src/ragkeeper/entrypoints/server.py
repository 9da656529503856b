"""Run the server: on a port for everybody, or on a private socket for one command."""

import asyncio
import ctypes
import gc
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
import uvicorn
from starlette.types import ASGIApp

from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import Settings
from ragkeeper.entrypoints.build import Application, build
from ragkeeper.entrypoints.http import Front, create_app
from ragkeeper.http.errors import PortInUse
from ragkeeper.http.transport import OnePieceProtocol

_log = structlog.get_logger()

# How long requests may go on after a signal to stop; then, how long cancelled ones may take to let go.
_DRAIN_SECONDS = 10
_LAST_SECONDS = 2
# How long a connection may rest between two requests: longer than common clients and proxies keep theirs (httpx: 5,
# nginx: 60). A server that lets go when they do resets, now and then, one that is just being used again.
_REST_SECONDS = 75
# glibc's <malloc.h>.
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_LARGE_BYTES = 128 * 1024
_ARENAS = 2
# So many new objects before garbage collection looks at them: with the interpreter's own 700 it stops a busy server
# several times a second, and now and then for longer than a health probe should wait (docs/decisions/0003).
_YOUNG_OBJECTS = 20_000


def serve(settings: Settings, metrics: Metrics | None = None) -> None:
    """Serve until a signal says stop. Raises RagkeeperError when the server cannot start."""
    _give_memory_back()
    listener = _listen(settings.host, settings.port)
    with asyncio.Runner(loop_factory=uvicorn_loop()) as runner:
        try:
            runner.run(_serve(settings, listener, metrics))
        except asyncio.CancelledError:
            _log.info("start_ended")


def _give_memory_back() -> None:
    """Let the process hold what it uses, and not what it used once.

    glibc has up to eight heaps per core for a process's threads; each keeps what was freed in it, and a server of many
    threads grows for hours without holding more. Two heaps cost no measurable time here. Pieces above a size come from
    the system and go back to it when they are freed, but glibc raises that size, up to 32 MB, with each such piece;
    from then on texts and vectors leave holes among what lives long. Setting the size keeps it.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, _ARENAS)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


async def _serve(settings: Settings, listener: socket.socket, metrics: Metrics | None) -> None:
    _end_on_signals()
    front = Front()
    server = _server(front)
    answering = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        application = await build(settings, metrics)
        try:
            await _open(application, front, listener)
            _stop_on_signals(server, application)
            await answering
        finally:
            await application.stop()
    finally:
        server.should_exit = True
        await asyncio.gather(answering, return_exceptions=True)
    if server.interrupted:
        raise KeyboardInterrupt


async def _open(application: Application, front: Front, listener: socket.socket) -> None:
    """Warm the application, then let requests in and tell where."""
    # Forms are spooled beside the originals: never into a small or memory-backed /tmp.
    tempfile.tempdir = str(application.folder.files / "incoming")
    await application.start()
    # What a start makes stays for good: garbage collection need not walk through it during requests.
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)
    front.open(create_app(application))
    host, port = listener.getsockname()[:2]
    url = address(host, port)
    application.folder.announce(url)
    _log.info("serving", url=url, data=str(application.settings.data_dir.resolve()))


def address(host: str, port: int) -> str:
    """As programs take it: IPv6 stands in brackets (RFC 3986, 3.2.2)."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """Ends by signals, but leaves them to us: uvicorn would raise them again before the application has stopped."""

    interrupted = False
    draining: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _end_on_signals() -> None:
    """While the server starts, a signal ends it: the first process of a container has no handlers of its own."""
    loop, starting = asyncio.get_running_loop(), asyncio.current_task()
    if starting is not None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, starting.cancel)


def _stop_on_signals(server: _Server, application: Application) -> None:
    """The first signal lets requests end, the second does not."""

    def stop(number: signal.Signals) -> None:
        server.interrupted = number is signal.SIGINT
        if application.health.draining:
            server.handle_exit(number, None)
        else:
            application.health.draining = True
            application.progress.end_following()
            server.draining = asyncio.create_task(_drain(server, number), name="drain")

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)


async def _drain(server: _Server, number: signal.Signals) -> None:
    """While requests are under way go on answering, as not ready: who sends them must see it to stop."""
    end = time.monotonic() + _DRAIN_SECONDS
    while server.server_state.tasks and time.monotonic() < end:  # noqa: ASYNC110 - uvicorn only has this set
        await asyncio.sleep(0.05)
    server.handle_exit(number, None)


def _server(app: ASGIApp, uds: str | None = None) -> _Server:
    config = uvicorn.Config(
        app,
        uds=uds,
        http=OnePieceProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_keep_alive=_REST_SECONDS,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )
    return _Server(config)


def uvicorn_loop() -> type[asyncio.AbstractEventLoop] | None:
    """The event loop class that uvicorn would choose."""
    return uvicorn.Config("", log_config=None).get_loop_factory()  # type: ignore[return-value]


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise PortInUse(host=host, port=port, reason=error.strerror or error) from error


@contextmanager
def serve_privately(settings: Settings) -> Iterator[Path]:
    """The server in a thread of this process, on a socket only this user can open: for commands without a server."""
    private = _PrivateServer(settings)
    try:
        private.start()
        yield private.path
    finally:
        private.stop()


@contextmanager
def _socket_in(folder: Path) -> Iterator[Path]:
    """A place for a socket, by a name that holds in this process alone: a socket's path has 107 bytes at most."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    path = Path(f"/proc/self/fd/{handle}/socket")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


class _PrivateServer:
    path: Path

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._started = threading.Event()
        self._error: BaseException | None = None
        self._stopping = False
        self._server: _Server | None = None
        self._thread = threading.Thread(target=self._run, name="private-server", daemon=True)

    def start(self) -> None:
        """Raises what building or starting the application raises."""
        self._thread.start()
        self._started.wait()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        self._stopping = True
        if self._server is not None:
            self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - carried to the thread that waits, which raises it
            self._error = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        application = await build(self._settings)
        try:
            await application.start(for_one_command=True)
            with _socket_in(application.folder.work) as self.path:
                await self._answer(application)
        finally:
            await application.stop()

    async def _answer(self, application: Application) -> None:
        self._server = _server(create_app(application), str(self.path))
        self._server.should_exit = self._stopping
        announce = asyncio.create_task(self._announce(self._server))
        await self._server.serve()
        announce.cancel()

    async def _announce(self, server: _Server) -> None:
        while not server.started:  # noqa: ASYNC110 - uvicorn only has this flag
            await asyncio.sleep(0.005)
        self._started.set()
