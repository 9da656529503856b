"""Fixtures that every kind of test may use."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tests import machine
from tests.standstill import SecondRuns

# A property is never a timed test: how long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(SecondRuns(), "second runs")


@pytest.fixture(scope="session")
def require_binary() -> Callable[[str], Path]:
    return machine.require_binary


@pytest.fixture(scope="session")
def require_data() -> Callable[[str], Path]:
    return machine.require_data
