"""One healthy installation, made by a real server once; each test plants its fault into a copy of it."""

import contextlib
import shutil
import signal
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from ragkeeper.core.checks import Finding
from ragkeeper.core.clock import utc_now
from ragkeeper.entrypoints.doctor import LocalSurgery
from ragkeeper.entrypoints.local import Place
from ragkeeper.operations.doctor.models import Examination
from ragkeeper.operations.doctor.service import examine
from tests.acceptance.guides.texts import lighthouse
from tests.acceptance.server import Server, add_text, serving, wait_for, wait_until_ready

# What an installation without backups and alerts is told, and one that nobody serves.
NOTES = {"backups_not_configured", "alert_address_not_configured", "server_not_running"}
DOCUMENTS = 6


def fill(server: Server) -> None:
    """Documents, and a durable job, with which the record of jobs is made."""
    documents = [add_text(server, f"Lighthouse {number}", lighthouse(number)) for number in range(DOCUMENTS)]
    wait_until_ready(server, documents)
    job = server.http.post("/api/v1/index/repair").json()["job_id"]
    wait_for(lambda: server.http.get(f"/api/v1/index/jobs/{job}").json()["state"] == "done")


@pytest.fixture(scope="session")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server that was stopped as one should."""
    folder = tmp_path_factory.mktemp("stopped")
    with serving(folder) as server:
        fill(server)
    return folder / "data"


@pytest.fixture(scope="session")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server that was ended by SIGKILL: its databases' logs lie beside them."""
    folder = tmp_path_factory.mktemp("killed")
    with serving(folder) as server:
        fill(server)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(10)
    return folder / "data"


@dataclass(frozen=True, slots=True)
class Installation:
    """A folder to plant a fault in; settings are the tester's environment."""

    data: Path
    monkeypatch: pytest.MonkeyPatch

    def set(self, **settings: str) -> None:
        for name, value in settings.items():
            self.monkeypatch.setenv(name, value)

    def sql(self, *statements: str, file: str = "ragkeeper.db") -> None:
        """Without foreign keys: other programs do not enforce them either."""
        with contextlib.closing(sqlite3.connect(self.data / file)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def examined(self) -> Examination:
        with LocalSurgery(Place(self.data)).patient() as patient:
            return examine(patient, "test", utc_now)

    def findings(self) -> dict[str, Finding]:
        """By code; without the notes that any such installation gets."""
        found = {finding.code: finding for finding in self.examined().findings}
        return {code: finding for code, finding in found.items() if code not in NOTES}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own, with nobody's settings, and a port that nobody listens on."""
    for name in ("API_KEY", "DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAG_PORT", "0")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def healthy(stopped: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    shutil.copytree(stopped, place / "data")
    return Installation(place / "data", monkeypatch)
