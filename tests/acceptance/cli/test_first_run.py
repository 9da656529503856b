"""What `make run` starts: samples in, one question answered, still serving."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench import loopback
from tests.acceptance.cli.conftest import SAMPLES

pytestmark = pytest.mark.timeout(180)
PROGRAM = [sys.executable, "-m", "ragkeeper.entrypoints.first_run"]


def environment(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "RAG_DATA_DIR": str(folder / "data"), "RAG_PORT": "0"}


def tour(folder: Path) -> str:
    """Start it, read what it prints until the places are shown, look at the server, and stop it with Ctrl-C."""
    with subprocess.Popen(PROGRAM, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        shown = ""
        for line in process.stdout:
            shown += line
            if line.startswith("Ctrl-C"):
                break
        url, _, fragment = next(
            line.split()[1] for line in shown.splitlines() if line.startswith("Console:")
        ).partition("#")
        key = (folder / "data" / "secrets" / "api_key").read_text(encoding="utf-8").strip()
        assert fragment == f"key={key}"
        listed = loopback.get(f"{url}api/v1/documents", 30, headers={"X-API-Key": key}).json()["items"]
        assert len(listed) == len(list(SAMPLES.iterdir()))
        assert {document["status"] for document in listed} == {"ready"}
        again = subprocess.run(PROGRAM, cwd=folder, env=environment(folder), capture_output=True, text=True, check=True)
        assert "serves this folder already" in again.stdout
        process.send_signal(signal.SIGINT)
        assert "Stopped." in process.stdout.read()
    assert process.returncode in (0, 130)
    return shown


def test_the_tour_answers_with_citations_and_can_be_repeated(tmp_path):
    for _ in range(2):
        shown = tour(tmp_path)
        assert "Question: How many days of parental leave do employees get?" in shown
        assert "\n[1] Employee handbook\n    “" in shown
        assert str(tmp_path / "data" / "secrets" / "api_key") in shown
