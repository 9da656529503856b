"""Commands that look at a server which takes connections and never answers, or has not said where it serves."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ragkeeper.cli.app import run
from ragkeeper.entrypoints.cli import command_tree
from ragkeeper.entrypoints.local import Place
from ragkeeper.storage.files.data_folder import DataFolder

pytestmark = pytest.mark.timeout(60)


@contextmanager
def held(path: Path) -> Iterator[DataFolder]:
    """A data folder as a server has it from its first moment on."""
    folder = DataFolder(path)
    folder.create()
    folder.api_key()
    folder.lock()
    try:
        yield folder
    finally:
        folder.unlock()


def looked(path: Path, command: str) -> int:
    tree = command_tree(Place(look_seconds=0.3), command)
    return run(tree, ["--data-dir", str(path), command, "--json"])


@pytest.mark.parametrize("command", ["health", "status"])
def test_a_server_that_never_answers_is_not_waited_for(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held(tmp_path) as folder, socket.create_server(("127.0.0.1", 0)) as listening:
        folder.announce(f"http://127.0.0.1:{listening.getsockname()[1]}")
        assert looked(tmp_path, command) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["code"] == "server_silent"
    assert "takes connections and does not answer within 0.3 s" in found["detail"]
    assert "ragkeeper serve" in found["fix"]


def test_a_server_that_has_not_said_where_it_serves_is_starting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held(tmp_path):
        assert looked(tmp_path, "health") == 3
        found = json.loads(capsys.readouterr().out)
        assert found["code"] == "server_starting"
        assert "ragkeeper serve" not in found["fix"]
    assert looked(tmp_path, "health") == 3
    assert json.loads(capsys.readouterr().out)["code"] == "server_not_running"
