"""Structured logs: one JSON object a line on standard error, readable text on a terminal."""

import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog

from ragkeeper.core.metrics import STAGE_SECONDS, Metrics
from ragkeeper.core.tally import ERRORS

_MILLISECONDS = 1000


def configure_logging(level: str) -> None:
    """Send structlog records of `level` and above to standard error; third-party loggers only from warning on."""
    console = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            ERRORS,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *(() if console else (structlog.processors.format_exc_info,)),
            structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger().addHandler(ERRORS.handler)


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
            self.add(name, (time.perf_counter() - began) * _MILLISECONDS)

    def add(self, name: str, milliseconds: float) -> None:
        self.stages[name] = round(self.stages.get(name, 0.0) + milliseconds, 3)

    def timings(self) -> dict[str, float]:
        """Every stage and the `total` so far, in milliseconds."""
        return {**self.stages, "total": round((time.perf_counter() - self._began) * _MILLISECONDS, 3)}


def observe_stages(metrics: Metrics, stages: Mapping[str, float]) -> None:
    """stages: milliseconds by name, as a Stopwatch has them."""
    for stage, milliseconds in stages.items():
        metrics.observe(STAGE_SECONDS, milliseconds / _MILLISECONDS, stage=stage)
