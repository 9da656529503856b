"""Health as the guides promise it."""

import fcntl
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.acceptance.server import Server, add_text, serving, wait_for, wait_until_ready

# SQLite locks these bytes of its shared-memory file while it reads (https://sqlite.org/walformat.html, section 2.3).
_FIRST_READ_LOCK, _READ_LOCKS = 123, 5
COMPONENTS = {"database", "redis", "vector_db", "llm_service"}


# A name like that of a real server: pages may behave differently on a loopback address.
_PUBLIC_NAME = "rag.example.org"


def damage(server: Server) -> None:
    """Stop the embedded database: its file is overwritten."""
    for path in (server.folder / "data").glob("ragkeeper.db*"):
        path.write_bytes(b"x" * path.stat().st_size)


@contextmanager
def hanging(server: Server) -> Iterator[None]:
    """Hold every lock that a reader of the database needs, so that each statement waits."""
    with (server.folder / "data/ragkeeper.db-shm").open("r+b") as shared:
        fcntl.lockf(shared, fcntl.LOCK_EX, _READ_LOCKS, _FIRST_READ_LOCK)
        yield


def able(server: Server) -> dict[str, str]:
    """The state of each capability."""
    found = server.stranger.get("/health/ready").json()["capabilities"]
    return {name: capability["state"] for name, capability in found.items()}


def curl(require_binary: Callable[[str], Path], server: Server, path: str, *options: str) -> int:
    """Exit code of `curl -f`."""
    address = f"{server.stranger.base_url}{path}"
    done = subprocess.run([require_binary("curl"), "-fsS", *options, address], capture_output=True, check=False)
    return done.returncode


def test_g2_010_basic_health_needs_no_credentials(server: Server):
    answer = server.stranger.get("/health")
    body = answer.json()
    assert body["status"] in {"healthy", "degraded"}
    assert answer.status_code == 200
    assert body.keys() >= {"status", "timestamp", "version", "components"}


@pytest.mark.timeout(120)
def test_g0_061_health_follows_what_can_be_served(tmp_path: Path, require_binary: Callable[[str], Path]):
    with serving(tmp_path) as server:
        assert curl(require_binary, server, "/health") == 0
        damage(server)
        wait_for(lambda: curl(require_binary, server, "/health") == 22, 15)


@pytest.mark.timeout(120)
def test_g1_028_health_is_quick_also_without_the_database(tmp_path: Path, require_binary: Callable[[str], Path]):
    with serving(tmp_path) as server:
        assert "status" in server.stranger.get("/health").json()
        assert curl(require_binary, server, "/health") == 0
        with hanging(server):
            wait_for(lambda: server.stranger.get("/health").status_code == 503, 15)
            began = time.perf_counter()
            server.stranger.get("/health")
            assert time.perf_counter() - began < 0.1
            assert curl(require_binary, server, "/health") == 22


@pytest.mark.timeout(120)
def test_g4_001_health_has_every_component(tmp_path: Path):
    with serving(tmp_path) as server:
        body = server.stranger.get("/health").json()
        assert body["components"].keys() >= COMPONENTS
        assert datetime.fromisoformat(body["timestamp"]).utcoffset() == timedelta(0)
        assert server.run("--version").stdout.split()[-1] == body["version"]
        damage(server)
        wait_for(lambda: server.stranger.get("/health").status_code == 503, 15)
        components = server.stranger.get("/health").json()["components"]
        assert components["database"] == "unhealthy"
        assert components.keys() >= COMPONENTS


@pytest.mark.timeout(120)
def test_g4_002_a_database_that_hangs_is_unhealthy_within_ten_seconds(tmp_path: Path):
    with serving(tmp_path) as server:
        assert server.stranger.get("/health").json()["components"]["database"] == "healthy"
        with hanging(server):
            wait_for(lambda: server.stranger.get("/health").json()["components"]["database"] == "unhealthy", 10)
            began = time.perf_counter()
            assert server.stranger.get("/health").status_code == 503
            assert time.perf_counter() - began < 0.1
        wait_for(lambda: server.stranger.get("/health").json()["components"]["database"] == "healthy", 15)


@pytest.mark.timeout(120)
def test_g2_039_liveness_asks_no_dependency(tmp_path: Path, require_binary: Callable[[str], Path]):
    nobody = {"RAG_LLM_PROVIDERS": "gone", "RAG_LLM_GONE_BASE_URL": "http://127.0.0.1:9/v1", "RAG_LLM_GONE_MODEL": "m"}
    with serving(tmp_path, nobody) as server:
        assert server.stranger.get("/health").json()["components"]["llm_service"] == "unhealthy"
        assert server.stranger.get("/health/live").status_code == 200
        shutil.rmtree(server.folder / "data/index")
        damage(server)
        wait_for(lambda: server.stranger.get("/health").status_code == 503, 15)
        assert server.stranger.get("/health/live").status_code == 200
        server.process.send_signal(signal.SIGSTOP)
        try:
            assert curl(require_binary, server, "/health/live", "--max-time", "5") == 28
        finally:
            server.process.send_signal(signal.SIGCONT)


@pytest.mark.timeout(120)
def test_g3_014_readiness_follows_the_database_without_restart(tmp_path: Path):
    with serving(tmp_path / "a") as server:
        wait_until_ready(server, [add_text(server, "Note", "The harbour closes at nine.")])
        data, kept = server.folder / "data", tmp_path / "kept"
        kept.mkdir()
        for path in data.glob("ragkeeper.db*"):
            shutil.copy(path, kept)
        damage(server)
        wait_for(lambda: server.stranger.get("/health/ready").status_code == 503, 10)
        assert set(able(server).values()) == {"down"}
        for path in kept.iterdir():
            (data / path.name).write_bytes(path.read_bytes())
        wait_for(lambda: server.stranger.get("/health/ready").status_code == 200, 10)
        assert "down" not in able(server).values()


@pytest.mark.timeout(120)
def test_g3_005_the_api_page_needs_no_other_host(server: Server, tmp_path: Path, require_binary: Callable[[str], Path]):
    """A browser that can reach nothing but this server draws the page with every route."""
    origin = f"http://{_PUBLIC_NAME}:{server.stranger.base_url.port}"
    page, asked = draw(require_binary("chromium"), f"{origin}/docs", tmp_path)
    schema = server.stranger.get("/openapi.json").json()
    assert schema["paths"].keys() >= {"/api/v1/search", "/api/v1/documents", "/chat", "/health"}
    assert [path for path in schema["paths"] if f'data-path="{path}"' not in page] == []
    assert "/openapi.json" in {httpx.URL(address).path for address in asked}
    assert {httpx.URL(address).host for address in asked} == {_PUBLIC_NAME}


def draw(browser: Path, address: str, folder: Path) -> tuple[str, set[str]]:
    """The page as a browser made it, and the address of each request that the page made."""
    log = folder / "net.json"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=10000", "--dump-dom"]
    options += [f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}"]
    options += [f"--host-resolver-rules=MAP {_PUBLIC_NAME} 127.0.0.1, MAP * ~NOTFOUND"]
    drawn = subprocess.run([browser, *options, address], capture_output=True, text=True, check=True, timeout=100)
    found = json.loads(log.read_text(encoding="utf-8"))["events"]
    started = [one.get("params", {}) for one in found if "initiator" in one.get("params", {})]
    ours = {one["url"] for one in started if str(one["initiator"]).startswith(address.removesuffix("/docs"))}
    return drawn.stdout, {url for url in ours if not url.startswith("data:")}
