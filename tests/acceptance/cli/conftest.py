"""A folder such as people have, and one server for a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.server import Server, serving
from tests.machine import ROOT

SAMPLES = ROOT / "examples" / "documents"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def mixed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good files of several formats in two levels, an empty, a broken, a hidden and a doubled one."""
    folder = tmp_path_factory.mktemp("given") / "handbook"
    (folder / "more").mkdir(parents=True)
    for sample in SAMPLES.iterdir():
        (folder / sample.name).write_bytes(sample.read_bytes())
    (folder / "more" / "again.md").write_bytes((SAMPLES / "employee-handbook.md").read_bytes())
    (folder / "more" / "empty.txt").touch()
    (folder / "more" / "broken.docx").write_bytes(b"PK\x03\x04" + bytes(range(256)))
    (folder / ".hidden.md").write_text("Not for you.", encoding="utf-8")
    return folder
