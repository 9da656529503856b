"""Where DBOS notes jobs down: a SQLite file, or a PostgreSQL database, which may go away and come back."""

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol
from weakref import WeakSet

from sqlalchemy import Engine, ExceptionContext, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.jobs.errors import JobsDatabaseAway, JobsDatabaseRefuses, JobsUnavailable
from ragkeeper.jobs.port import RecordUse
from ragkeeper.storage.sql.errors import DatabaseUnreadable, StorageFull, is_full
from ragkeeper.storage.sql.readonly import ReadOnly

_CONNECTIONS: Final = 10
# Seconds until a server that does not answer is taken to be away: to connect, to answer a call.
_CONNECTING: Final = 5
_ANSWERING: Final = 10.0
# A machine that vanished without a word is noticed after idle + interval * count seconds.
_KEEPALIVE: Final = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000}
# Transactions of a process that hangs let go of their locks after a minute, in milliseconds.
_IDLE_IN_TRANSACTION: Final = 60_000
_CONNECTION_LOST = ("08", "53", "57")
_UNDER_WAY: Final = "SELECT 1 FROM workflow_status WHERE status IN ('ENQUEUED', 'DELAYED', 'PENDING') LIMIT 1"
_STATEMENT_CANCELLED: Final = "57014"
# Nobody waits for these figures: they must not hold a connection that jobs want. In milliseconds.
_LET_GO: Final = "SET LOCAL statement_timeout = 2000"
_USE: Final = (
    "SELECT current_database(), pg_database_size(current_database()), "
    "(SELECT count(*) FROM pg_stat_activity WHERE datname = current_database())"
)


class Record(Protocol):
    patience: float | None
    """Seconds that a call may take; None: as long as it does."""

    def is_idle(self) -> bool:
        """True when no job waits or is under way, and nobody else can add one. Blocks."""

    def open(self) -> dict[str, Any]:
        """What DBOS is to be configured with. Blocks; raises JobsUnavailable when it cannot be reached."""

    def use(self) -> RecordUse | None:
        """None of a file, and of a server that is not connected to. Blocks; raises JobsUnavailable, DBAPIError."""

    def failure(self, error: DBAPIError) -> RagkeeperError:
        """In our words."""

    def break_off(self) -> None:
        """End what waits for an answer that does not come; callable from any thread."""

    def close(self) -> None: ...


class SqliteRecord:
    patience: float | None = None

    def __init__(self, url: str) -> None:
        self._url = url
        self._file = ReadOnly(Path(make_url(url).database or ""), in_place=True)

    def is_idle(self) -> bool:
        if not self._file.path.exists():
            return True
        try:
            return not self._file.ask(_UNDER_WAY)
        except DatabaseUnreadable:
            return False  # DBOS will say what is the matter with it

    def open(self) -> dict[str, Any]:
        return {"system_database_url": self._url}

    def use(self) -> RecordUse | None:
        return None

    def failure(self, error: DBAPIError) -> RagkeeperError:
        reason = str(error.orig)
        return StorageFull(reason=reason) if is_full(reason) else JobsUnavailable(reason=reason)

    def break_off(self) -> None:
        """A file answers."""

    def close(self) -> None:
        """DBOS closes what it opened."""


class PostgresRecord:
    """DBOS would wait for a lost server for ever, in threads; here a lost connection is an error at once."""

    patience: float | None = _ANSWERING

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql+psycopg")
        self._engine: Engine | None = None
        self._connections: WeakSet[Any] = WeakSet()

    def is_idle(self) -> bool:
        return False  # another process may submit at any moment

    def open(self) -> dict[str, Any]:
        if self._engine is None:
            self._engine = self._made()
        with self._engine.connect():
            pass
        # Nobody here waits for DBOS's notifications, and they do not come through a connection pooler.
        return {"system_database_engine": self._engine, "use_listen_notify": False}

    def use(self) -> RecordUse | None:
        if self._engine is None:
            return None
        with self._engine.begin() as connection:
            connection.execute(text(_LET_GO))
            name, size, connections = connection.execute(text(_USE)).one()
        return RecordUse(name, size, connections)

    def failure(self, error: DBAPIError) -> RagkeeperError:
        return JobsDatabaseRefuses(reason=_reason(error.orig))

    def break_off(self) -> None:
        for connection in list(self._connections):
            # Closed meanwhile, by its own thread.
            with suppress(OSError, AttributeError, self._errors), _socket(connection) as shared:
                shared.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @property
    def _errors(self) -> type[Exception]:
        """Of the driver, which nobody without PostgreSQL needs to load."""
        found: type[Exception] = self._engine.dialect.loaded_dbapi.Error if self._engine else OSError
        return found

    def _made(self) -> Engine:
        engine = create_engine(
            self._url,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=_ANSWERING,
            pool_pre_ping=True,
            connect_args={
                "application_name": "ragkeeper jobs",
                "connect_timeout": _CONNECTING,
                "options": f"-c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION}",
                **_KEEPALIVE,
            },
        )
        event.listen(engine, "handle_error", _refuse_lost)
        event.listen(engine, "connect", self._note)
        return engine

    def _note(self, connection: Any, _: object) -> None:
        self._connections.add(connection)


def record_at(url: str) -> Record:
    """url: as SQLAlchemy has it, no async driver."""
    return SqliteRecord(url) if url.startswith("sqlite") else PostgresRecord(url)


def _refuse_lost(context: ExceptionContext) -> None:
    """What DBOS would repeat for ever is an error of ours, which it does not repeat.

    A connection that is found dead before its use is none: the pool makes another.
    """
    if context.is_pre_ping:
        return
    state = getattr(context.original_exception, "sqlstate", None) or ""
    is_lost = state.startswith(_CONNECTION_LOST) and state != _STATEMENT_CANCELLED
    if context.is_disconnect or context.connection is None or is_lost:
        raise JobsDatabaseAway(reason=_reason(context.original_exception)) from context.original_exception


def _reason(error: BaseException | None) -> str:
    """The driver's words without its way there: `connection to server at … failed: Connection refused`."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    told = next((line for line in reversed(lines) if "failed: " in line), lines[0])
    return told.rpartition("failed: ")[2].strip().rstrip(".")


def _socket(connection: Any) -> socket.socket:
    """The one that a connection talks through: another handle of it, the connection keeps its own."""
    return socket.socket(fileno=os.dup(connection.pgconn.socket))
