"""What the machine under the tests offers: programs and data sets that may be missing on a developer's machine."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
IN_CI = os.environ.get("CI", "").lower() == "true"


def require_binary(name: str) -> Path:
    """Return the program's path; without it skip the test, or fail it where `CI=true` promises that it is there."""
    found = shutil.which(name, path=os.pathsep.join([os.environ["PATH"], *_server_folders()]))
    if not found:
        lacks(f"needs the program {name}: `make services` installs it")
    return Path(found)


def lacks(reason: str) -> NoReturn:
    """Skip the test for what this machine lacks, or fail it where `CI=true` promises that it is there."""
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


def require_data(name: str) -> Path:
    """Return `../shared/data/NAME`, or skip: the data sets are not part of the repository, in CI neither."""
    path = DATA / name
    if not path.exists():
        pytest.skip(f"needs ../shared/data/{name}, which is not part of the repository")
    return path


def _server_folders() -> list[str]:
    """Where Debian keeps servers that are not on a user's path."""
    return ["/usr/sbin", *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
