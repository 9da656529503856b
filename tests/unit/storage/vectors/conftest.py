import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")  # noqa: S108 - a test folder under a random name


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where the system has one: the engine syncs some sixty files when an index is made."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)
