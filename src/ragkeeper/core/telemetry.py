"""Structured logs: one JSON object a line on standard error and in a file; readable text on a terminal."""

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Final

import structlog

from ragkeeper.core.figures.work import LEVELS, LOG_LOST, LOG_RECORDS
from ragkeeper.core.metrics import STAGE_SECONDS, Metrics
from ragkeeper.core.redaction import Redactor
from ragkeeper.core.tally import ERRORS
from ragkeeper.core.tracing import note_span

_MILLISECONDS = 1000
# What uvicorn says of a crash that we have logged with its request.
_TOLD = "Exception in ASGI application\n"
_LEVELS = {"warn": "warning", "exception": "error", "fatal": "critical"}

_SEVERE = frozenset({"error", "critical"})

Write = Callable[[str], None]
"""Takes one line without its end; never raises."""


class LogTally:
    """A structlog processor. How much was logged by level, and how much of it could not be kept."""

    def __init__(self) -> None:
        self._counting = threading.Lock()
        self._records: Counter[str] = Counter()
        self._lost = 0

    def __call__(self, _logger: Any, method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        with self._counting:
            self._records[_LEVELS.get(method, method)] += 1
        return record

    def lost(self, count: int) -> None:
        with self._counting:
            self._lost += count

    def tell(self, metrics: Metrics) -> None:
        with self._counting:
            records, lost = dict(self._records), self._lost
        for level in LEVELS:
            metrics.reached(LOG_RECORDS, records.get(level, 0), level=level)
        metrics.reached(LOG_LOST, lost)


LOGGED: Final = LogTally()
"""One for the process, as its log is."""


def configure_logging(level: str, redactor: Redactor | None = None, write: Write | None = None) -> None:
    """Send structlog records of `level` and above to standard error, and as JSON to `write`; others from warning on.

    redactor: hides the secrets of the settings too; without one, what looks like a secret.
    """
    console = sys.stderr.isatty()
    json = structlog.processors.JSONRenderer(default=str)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            redactor or Redactor(),
            structlog.processors.add_log_level,
            ERRORS,
            LOGGED,
            _loud,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _Rendered(json, structlog.dev.ConsoleRenderer() if console else None, write),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=_StandardError,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forwarder()], level=logging.WARNING, force=True)


def _loud(_logger: Any, method: str, record: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Whoever looks for ERROR in a log finds every error, and nothing that is none."""
    level = _LEVELS.get(method, method)
    if level in _SEVERE:
        record["severity"] = level.upper()
    return record


class _Rendered:
    """The record's line for standard error; and as JSON for the file, where there is one."""

    def __init__(
        self,
        json: structlog.processors.JSONRenderer,
        console: structlog.dev.ConsoleRenderer | None,
        write: Write | None,
    ) -> None:
        self._json = json
        self._console = console
        self._write = write

    def __call__(self, logger: Any, method: str, record: MutableMapping[str, Any]) -> str:
        if self._console is not None and self._write is None:
            return self._console(logger, method, record)
        line = self._json(logger, method, dict(record))
        text = line if isinstance(line, str) else line.decode()
        if self._write is not None:
            self._write(text)
        return text if self._console is None else self._console(logger, method, record)


class _StandardError:
    """What structlog writes to. A full disk behind it, or a reader who has gone, costs the line alone."""

    def __init__(self, *_names: object) -> None:
        self._stream = sys.stderr

    def msg(self, line: str) -> None:
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):
            LOGGED.lost(1)

    log = debug = info = warning = warn = error = exception = critical = fatal = msg


class _Forwarder(logging.Handler):
    """Records of other libraries go the same way, under the library's name."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == _TOLD:
            return
        library = record.name.partition(".")[0]
        log = structlog.get_logger()
        log.log(record.levelno, record.getMessage(), code=library, logger=record.name, exc_info=record.exc_info or None)


class Stopwatch:
    """Milliseconds spent per named stage of one request."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self.stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.took(name, began)

    def took(self, name: str, began: float, *, counts: bool = True) -> None:
        """A stage since `began`, of `time.perf_counter`, ends now. counts: not only in a trace."""
        seconds = time.perf_counter() - began
        note_span(name, seconds)
        if counts:
            self.add(name, seconds * _MILLISECONDS)

    def traced(self, name: str) -> None:
        """All the time until now is one stage of a trace, and of nothing else."""
        note_span(name, time.perf_counter() - self._began)

    def add(self, name: str, milliseconds: float) -> None:
        self.stages[name] = round(self.stages.get(name, 0.0) + milliseconds, 3)

    def timings(self) -> dict[str, float]:
        """Every stage and the `total` so far, in milliseconds."""
        return {**self.stages, "total": round((time.perf_counter() - self._began) * _MILLISECONDS, 3)}


def observe_stages(metrics: Metrics, stages: Mapping[str, float]) -> None:
    """stages: milliseconds by name, as a Stopwatch has them."""
    for stage, milliseconds in stages.items():
        metrics.observe(STAGE_SECONDS, milliseconds / _MILLISECONDS, stage=stage)
