"""Fixtures that every kind of test may use."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import machine


@pytest.fixture(scope="session")
def require_binary() -> Callable[[str], Path]:
    return machine.require_binary


@pytest.fixture(scope="session")
def require_data() -> Callable[[str], Path]:
    return machine.require_data
