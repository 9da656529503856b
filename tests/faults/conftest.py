"""What every fault test may need."""

import os
from pathlib import Path

import pytest

from tests.faults.harness.interposer import CompilerMissing, compile_library


@pytest.fixture(scope="session")
def interposing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled library between a program and its disk; skips where there is no C compiler, but not in CI."""
    try:
        return compile_library(tmp_path_factory.mktemp("interpose"))
    except CompilerMissing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("no C compiler: apt-get install gcc libc6-dev")
