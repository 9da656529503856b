"""`kill -9` of a server at work: nothing of its parsers is left after the next start, nor outside its folder."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.server import Server, run, serving, wait_for

LONG = "Ablage für Łódź " + "und noch länger " * 12


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    """The place for temporary files and the home of everything started here; empty at the end."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    yield folder
    assert not list(folder.iterdir())


def folders(server: Server) -> set[str]:
    return {path.name for path in (server.folder / "data/work").iterdir()}


def parsing(server: Server) -> bool:
    queue = server.http.get("/status").json()["queue"]
    return bool(queue["waiting"] or queue["parsing"])


def send(server: Server, number: int) -> None:
    text = "\n\n".join(f"## Part {part}\n\n{number} and words, many words." for part in range(2_000))
    answer = server.http.post("/api/v1/documents", files={"file": (f"{number}.md", text.encode())})
    assert answer.status_code == 202


@pytest.mark.parametrize("name", ["plain", LONG])
def test_a_killed_server_leaves_nothing_of_its_parsers(tmp_path: Path, temporary: Path, name: str):
    settings = {"TMPDIR": str(temporary), "HOME": str(temporary)}
    with serving(tmp_path / name, settings) as server:
        wait_for(lambda: bool(folders(server)))
        for number in range(4):
            send(server, number)
        time.sleep(0.1)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        left = folders(server)
    assert left
    with serving(tmp_path / name, settings) as server:
        assert not left & folders(server)
        wait_for(lambda: not parsing(server))
        counts = server.http.get("/status").json()["documents"]
        assert counts["failed"] == 0, counts
    assert not folders(server)


def test_a_command_without_a_server_leaves_nothing(tmp_path: Path, temporary: Path):
    folder = tmp_path / LONG
    folder.mkdir()
    (folder / "a.md").write_text("# Ducks\n\nDucks swim.\n")
    done = run("ingest", "a.md", folder=folder, environment={"TMPDIR": str(temporary), "HOME": str(temporary)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list((folder / "data/work").iterdir())
