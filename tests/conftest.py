"""Fixtures that every kind of test may use."""

import functools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from tests import machine
from tests.standstill import SecondRuns

# A property is never a timed test: how long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(SecondRuns(), "second runs")


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """A command that a test runs in this process sets up the log: the next test finds it as it was.

    No logger is kept meanwhile, for one that was made under a test's level would stay at it.
    """
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    # The fixture `monkeypatch` would live longer than others for this, and what a test patches with it too.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", functools.partial(_configure_unkept, structlog.configure))
        yield
    if structlog.get_config() != before:
        structlog.configure(**before)
        root.handlers[:] = handlers
        root.setLevel(level)


def _configure_unkept(configure: Callable[..., None], **given: object) -> None:
    configure(**{**given, "cache_logger_on_first_use": False})


@pytest.fixture(scope="session")
def require_binary() -> Callable[[str], Path]:
    return machine.require_binary


@pytest.fixture(scope="session")
def require_data() -> Callable[[str], Path]:
    return machine.require_data
