"""The log of a server, as its settings say."""

from collections.abc import Iterator
from contextlib import contextmanager

from ragkeeper.core.log_file import LogFile, LogLimits
from ragkeeper.core.redaction import Redactor
from ragkeeper.core.settings import Settings
from ragkeeper.core.telemetry import LOGGED, configure_logging

_MEGABYTE = 1_000_000


@contextmanager
def logging_by(settings: Settings, level: str | None = None) -> Iterator[None]:
    """For the block; what is logged after it goes to standard error alone. level: in place of the settings' own."""
    redactor = Redactor(settings.secrets())
    if not settings.log_file:
        configure_logging(level or settings.log_level, redactor)
        yield
        return
    limits = LogLimits(settings.log_max_mb * _MEGABYTE, settings.log_keep_days, settings.log_keep_mb * _MEGABYTE)
    file = LogFile(settings.data_dir.resolve() / "logs", limits, LOGGED.lost)
    file.start()
    configure_logging(level or settings.log_level, redactor, file.write)
    try:
        yield
    finally:
        file.close()
