"""What commands do on this machine themselves: find or start the server, make the folder, look after the schema.

The application is imported only where it is started: a command that talks to a running server begins much sooner.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from pydantic import ValidationError
from rich.console import Console

from ragkeeper.cli.client import Client
from ragkeeper.cli.errors import KeyUnavailable, ServerNotRunning, ServerNotServing
from ragkeeper.core.checks import Finding
from ragkeeper.core.settings import SettingInvalid, Settings, load_settings
from ragkeeper.core.telemetry import configure_logging
from ragkeeper.operations.doctor.ports import Facts, Patient, Surgery
from ragkeeper.operations.upgrade.models import SchemaState
from ragkeeper.storage.files.data_folder import DataFolder
from ragkeeper.storage.files.errors import DataFolderInUse, DataFolderUnusable

# Seconds. An answer or a large upload may take minutes; that a local server takes a connection may not, nor that it
# tells what it knows of itself: its own limits for that are shorter.
_ANSWER_SECONDS = 600.0
_CONNECT_SECONDS = 5.0
_LOOK_SECONDS = 10.0
# A folder whose owner has not said yet where it serves: it is starting, or it is another short command.
_PATIENCE_SECONDS = 20.0
_PAUSE_SECONDS = 0.2


@dataclass(slots=True)
class Place:
    """The settings, read when a command needs them; `data_dir` comes from the command line.

    look_seconds: how long a command that looks at a running server waits for its answer.
    """

    data_dir: Path | None = None
    look_seconds: float = _LOOK_SECONDS

    def settings(self, **given: object) -> Settings:
        """`given`: settings by name that override what is set elsewhere. Raises SettingUnknown, SettingInvalid."""
        changes = {"RAG_DATA_DIR": self.data_dir, **given}
        return _changed(load_settings(), {name: value for name, value in changes.items() if value is not None})

    @contextmanager
    def connect(self, seconds: float = _ANSWER_SECONDS) -> Iterator[Client]:
        """The running server of the data folder, or one that lives as long as the block.

        seconds: how long to wait for an answer of the running one.
        """
        settings = self.settings()
        configure_logging(_quiet(settings.log_level))
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            address = served_at(settings)
            if address is not None:
                with _client(address, key_of(settings), seconds) as client:
                    yield client
                return
            if not _busy(settings):
                break
            if time.monotonic() > deadline:
                raise DataFolderInUse(path=settings.data_dir, pid="unknown")
            time.sleep(_PAUSE_SECONDS)
        with _private(settings) as client:
            yield client

    @contextmanager
    def connect_to_server(self, seconds: float = _ANSWER_SECONDS) -> Iterator[Client]:
        """The running server of the data folder. Raises ServerNotRunning, ServerNotServing."""
        settings = self.settings()
        address = served_at(settings)
        if address is None:
            missing = ServerNotServing if _is_held(settings) else ServerNotRunning
            raise missing(path=settings.data_dir.resolve())
        with _client(address, key_of(settings), seconds) as client:
            yield client

    def look(self) -> AbstractContextManager[Client]:
        """As `connect`, to ask a running server how it is."""
        return self.connect(self.look_seconds)

    def look_at_server(self) -> AbstractContextManager[Client]:
        """As `connect_to_server`, to ask it how it is."""
        return self.connect_to_server(self.look_seconds)


def _changed(settings: Settings, changes: dict[str, Any]) -> Settings:
    if not changes:
        return settings
    try:
        return Settings.model_validate({**settings.model_dump(by_alias=True), **changes})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "combination"
        raise SettingInvalid(name=name, reason=first["msg"].removeprefix("Value error, ")) from error


def _quiet(level: str) -> str:
    """A command's own server logs only what fails, unless more was asked for: that it is slow helps nobody here."""
    return "error" if level == "info" else level


def served_at(settings: Settings) -> str | None:
    """The address of the server that owns the data folder, None when none does."""
    folder = DataFolder(settings.data_dir)
    try:
        server = folder.server()
    except OSError as error:
        raise DataFolderUnusable(path=settings.data_dir, reason=error.strerror or error) from error
    # A killed server leaves its announcement behind; the next owner of the lock replaces it only once it listens.
    return server["url"] if server and folder.server_process() else None


def _is_held(settings: Settings) -> bool:
    """As `_busy`, without making the folder or taking it."""
    try:
        return DataFolder(settings.data_dir).held
    except OSError as error:
        raise DataFolderUnusable(path=settings.data_dir, reason=error.strerror or error) from error


def _busy(settings: Settings) -> bool:
    """Whether somebody owns the folder at this moment."""
    folder = DataFolder(settings.data_dir)
    folder.create()
    try:
        folder.lock()
    except DataFolderInUse:
        return True
    except OSError as error:
        raise DataFolderUnusable(path=settings.data_dir, reason=error.strerror or error) from error
    folder.unlock()
    return False


def key_of(settings: Settings) -> str:
    """The server's key. Never generated here: the server made its own long ago."""
    if settings.api_key:
        return settings.api_key.get_secret_value()
    file = DataFolder(settings.data_dir).secrets / "api_key"
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise KeyUnavailable(path=file, reason=error.strerror or error) from error


@contextmanager
def _client(
    address: str, key: str, seconds: float = _ANSWER_SECONDS, private: httpx.HTTPTransport | None = None
) -> Iterator[Client]:
    """seconds: how long to wait for an answer; private: the way to a server of this command's own."""
    # Loopback without TLS: no proxy may come between, and no certificates need to be loaded.
    over = private or httpx.HTTPTransport(verify=False)
    headers = {"X-API-Key": key}
    patience = httpx.Timeout(seconds, connect=_CONNECT_SECONDS)
    with httpx.Client(base_url=address, headers=headers, timeout=patience, transport=over, trust_env=False) as http:
        yield Client(http, private=private is not None)


@contextmanager
def _private(settings: Settings) -> Iterator[Client]:
    with Console(stderr=True).status("No server runs on this data folder; opening it …"):
        from ragkeeper.entrypoints.server import serve_privately  # noqa: PLC0415 - heavy: the whole application

        serving = serve_privately(settings)
        socket = serving.__enter__()
    try:
        with _client("http://ragkeeper", key_of(settings), private=httpx.HTTPTransport(uds=str(socket))) as client:
            yield client
    finally:
        serving.__exit__(None, None, None)


@dataclass(frozen=True, slots=True)
class LocalSchema:
    """The schema of the database that the settings name."""

    place: Place

    def current(self) -> SchemaState:
        from ragkeeper.entrypoints.schema import schema_state  # noqa: PLC0415 - heavy: SQLAlchemy and Alembic

        return schema_state(self.place.settings())

    def preflight(self) -> Sequence[Finding]:
        from ragkeeper.entrypoints.preflight import before_upgrade  # noqa: PLC0415 - heavy: checks of every kind

        settings = self.place.settings()
        if settings.data_dir.exists() and not settings.data_dir.is_dir():
            raise DataFolderUnusable(path=settings.data_dir, reason="it is a file")
        return before_upgrade(settings)

    def upgrade(self, revision: str) -> SchemaState:
        from ragkeeper.entrypoints.schema import upgrade  # noqa: PLC0415 - heavy: SQLAlchemy and Alembic

        settings = self.place.settings()
        with _owned(settings):
            return upgrade(settings, revision)


@dataclass(frozen=True, slots=True)
class LazySurgery:
    """The doctor, loaded when somebody calls it."""

    place: Place

    def patient(self) -> AbstractContextManager[Patient]:
        return self._surgery().patient()

    def facts(self) -> Facts:
        return self._surgery().facts()

    def ask(self, path: str) -> Any:
        return self._surgery().ask(path)

    def _surgery(self) -> Surgery:
        from ragkeeper.entrypoints.doctor import LocalSurgery  # noqa: PLC0415 - heavy: engines of every kind

        configure_logging("error")
        return LocalSurgery(self.place)


@contextmanager
def _owned(settings: Settings) -> Iterator[DataFolder]:
    """The folder, made if need be, and nobody else's for the block. Raises DataFolderInUse, DataFolderUnusable."""
    folder = DataFolder(settings.data_dir)
    folder.create()
    folder.lock()
    try:
        yield folder
    finally:
        folder.unlock()


def initialise(place: Place) -> dict[str, object]:
    """Make the folder, its key and its database where they are missing; says where they are."""
    from ragkeeper.entrypoints.schema import schema_state, upgrade  # noqa: PLC0415 - heavy: SQLAlchemy and Alembic

    settings = place.settings()
    if served_at(settings) is None:
        with _owned(settings) as folder:
            if settings.api_key is None:
                folder.api_key()
            if schema_state(settings).revision is None:
                upgrade(settings, "head")
    state = schema_state(settings)
    key_file = None if settings.api_key else str(settings.data_dir.resolve() / "secrets" / "api_key")
    return {
        "data_dir": str(settings.data_dir.resolve()),
        "api_key_file": key_file,
        "database": state.database,
        "schema": state.revision,
        "is_current": state.is_current,
    }
