"""Readiness, what strangers and administrators are told, and model health, as the guides promise them."""

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench import loopback
from bench.ports import free_port
from tests.acceptance.guides.test_answers import QUESTION, fill, provider
from tests.acceptance.guides.test_health import able, curl, damage
from tests.acceptance.server import COMMAND, Server, run, serving, wait_for
from tests.contract.chat.standin import Behaviour, StandIn

PARTS = {"api", "worker", "database", "vector_db", "redis", "llm_service"}


def stop(model: StandIn) -> None:
    """The model's server is gone: nothing listens there any more."""
    assert model._server is not None
    ended = asyncio.run_coroutine_threadsafe(model.__aexit__(), model._server.get_loop())
    ended.result(10)


def degraded(server: Server) -> bool:
    found = server.stranger.get("/health")
    return found.status_code == 200 and found.json()["components"]["llm_service"] == "unhealthy"


@contextmanager
def starting(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server from its first moment on, and its address."""
    port = free_port()
    environment = {"RAG_DATA_DIR": str(folder / "data"), "RAG_PORT": str(port), "PATH": ""}
    process = subprocess.Popen(
        [COMMAND, "serve"], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def polled(address: str, until: int) -> list[int]:
    """The status codes of readiness as they change, without refused connections, until one of them comes."""
    seen: list[int] = []
    end = time.monotonic() + 60
    while (not seen or seen[-1] != until) and time.monotonic() < end:
        try:
            status = loopback.get(f"{address}/health/ready", 30).status_code
        except httpx.TransportError:
            continue
        if seen[-1:] != [status]:
            seen.append(status)
    return seen


@pytest.mark.timeout(120)
def test_g2_038_readiness_is_a_status_code_by_capability(tmp_path: Path, model: StandIn):
    (tmp_path / "fresh").mkdir()
    with starting(tmp_path / "fresh") as (_, address):
        assert polled(address, until=200) == [503, 200]
    with serving(tmp_path / "a", {**provider(model), "RAG_STREAM_TIMEOUT": "6"}) as server:
        fill(server)
        assert set(able(server).values()) == {"ok"}
        model.behave(Behaviour.HANG_AFTER_FIRST)
        address = f"{str(server.http.base_url).rstrip('/')}/health/ready"
        with server.http.stream("POST", "/chat/stream", json={"message": QUESTION}) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "event: status"
            server.process.send_signal(signal.SIGTERM)
            sent = time.monotonic()
            wait_for(lambda: loopback.get(address, 5).status_code == 503, 1)
            assert time.monotonic() - sent < 1
            assert loopback.get(address, 5).json()["draining"] is True
            assert "event: error" in list(lines)  # it was let go on to its own end
        assert server.process.wait(10) == 0
    model.behave(Behaviour.REPLY)
    with serving(tmp_path / "a", provider(model)) as server:
        stop(model)
        server.http.post("/chat", json={"message": QUESTION})
        before = datetime.now(UTC)
        wait_for(lambda: able(server)["generate"] == "degraded", 10)
        found = server.stranger.get("/health/ready")
        capabilities = found.json()["capabilities"]
        assert (found.status_code, capabilities["generate"]["reason"]) == (200, "llm_service: unhealthy")
        assert abs(datetime.fromisoformat(capabilities["generate"]["since"]) - before) < timedelta(seconds=10)
        assert capabilities["retrieve"]["state"] == "ok"
        damage(server)
        wait_for(lambda: server.stranger.get("/health/ready").status_code == 503, 10)
        assert able(server) == dict.fromkeys(("retrieve", "generate", "ingest", "admin"), "down")
        assert (
            server.stranger.get("/health/ready").json()["capabilities"]["retrieve"]["reason"] == "database: unhealthy"
        )


@pytest.mark.timeout(120)
def test_g4_003_strangers_are_told_states_and_codes_and_no_reason(tmp_path: Path):
    """A model behind an address with a password in it, and a database that is damaged."""
    password = "hidden-in-the-address"  # noqa: S105 - of a server that does not exist
    settings = {
        "RAG_LLM_PROVIDERS": "away",
        "RAG_LLM_AWAY_BASE_URL": f"http://operator:{password}@127.0.0.1:9/v1",
        "RAG_LLM_AWAY_MODEL": "m",
    }
    with serving(tmp_path, settings) as server:
        damage(server)
        wait_for(lambda: server.stranger.get("/health").status_code == 503, 15)
        told = server.stranger.get("/health")
        # The worker meets the damaged database too, sooner or later.
        assert {**told.json()["codes"]}.keys() - {"worker"} == {"database", "llm_service"}
        assert told.json()["codes"]["database"] == "database_unreadable"
        reasons = server.http.get("/health/detailed").json()["components"]
        assert "file is not a database" in reasons["database"]["reason"]
        assert "away" in reasons["llm_service"]["reason"]
        assert datetime.fromisoformat(reasons["database"]["since"]).tzinfo is not None
        for hidden in (password, "operator", "127.0.0.1", "not a database", str(tmp_path), "Error"):
            assert hidden not in told.text
            assert hidden not in server.stranger.get("/health/ready").text
        assert password not in json.dumps(reasons)
        assert server.stranger.get("/health/detailed").status_code == 401
    assert "file is not a database" in server.log
    assert password not in server.log


@pytest.mark.timeout(120)
def test_g4_006_model_health_comes_from_real_calls(tmp_path: Path, model: StandIn):
    with serving(tmp_path, provider(model)) as server:
        fill(server)
        began = time.monotonic()
        while time.monotonic() - began < 35:
            assert server.stranger.get("/health").json()["components"]["llm_service"] == "healthy"
            time.sleep(0.01)
        assert 1 <= len(model.received_headers) <= 2
        assert model.requests == []
        stop(model)
        assert server.http.post("/chat", json={"message": QUESTION}).json()["mode"] == "extractive"
        wait_for(lambda: degraded(server), 10)
        assert server.stranger.get("/health").json()["status"] == "degraded"
        assert server.stranger.get("/health/live").status_code == 200
        assert server.process.poll() is None


@pytest.mark.timeout(120)
def test_g0_004_health_names_every_part_a_missing_one_too(tmp_path: Path, model: StandIn):
    with serving(tmp_path, provider(model)) as server:
        fill(server)
        well = json.loads(server.run("health", "--json").stdout)
        assert well["components"].keys() >= PARTS
        assert {well["components"][name]["state"] for name in PARTS - {"redis"}} == {"healthy"}
        assert well["components"]["redis"]["state"] == "not_configured"
        stop(model)
        server.http.post("/chat", json={"message": QUESTION})
        wait_for(lambda: degraded(server), 10)
        done = server.run("health", "--json", check=False)
        unwell = json.loads(done.stdout)["components"]
        assert done.returncode == 1
        assert unwell.keys() == well["components"].keys()
        assert (unwell["llm_service"]["state"], unwell["database"]["state"]) == ("unhealthy", "healthy")


def test_g0_006_health_shows_memory_and_load_as_the_system_counts_them(
    server: Server, require_binary: Callable[[str], Path]
):
    free = require_binary("free")

    def same() -> bool:
        """What else runs on the machine takes and gives back memory between the two looks."""
        seen["shown"] = shown = json.loads(server.run("health", "--json").stdout)["machine"]
        load = [float(word) for word in Path("/proc/loadavg").read_text(encoding="utf-8").split()[:3]]
        told = subprocess.run([free, "-b"], capture_output=True, text=True, check=True).stdout
        seen["total"], *_, available = (int(word) for word in told.splitlines()[1].split()[1:])
        loads = [shown[name] for name in ("load_1", "load_5", "load_15")] == pytest.approx(load, abs=0.1)
        used = shown["limited"] or shown["memory_used"] == pytest.approx(seen["total"] - available, rel=0.05)
        return loads and used

    seen: dict[str, Any] = {}
    wait_for(same)
    shown, total = seen["shown"], seen["total"]
    if shown["limited"]:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8").strip()
        assert (shown["memory_total"], shown["memory_total"] < total) == (int(limit), True)
    else:
        assert shown["memory_total"] == total
    text = server.run("health").stdout
    assert f"{shown['memory_total'] / 1e9:.1f} GB; load:" in text


@pytest.mark.timeout(150)
def test_g3_015_an_unreachable_database_is_logged_once_a_minute(tmp_path: Path):
    with serving(tmp_path) as server:
        damage(server)
        began = time.monotonic()

        def records() -> list[dict[str, str]]:
            return [json.loads(line) for line in server.log.splitlines() if "Database connection failed" in line]

        while time.monotonic() - began < 75:
            server.http.get("/api/v1/documents")
            time.sleep(0.2)
        first, second = records()
        times = [datetime.fromisoformat(record["timestamp"]) for record in (first, second)]
        assert (first["event"], first["level"]) == ("Database connection failed", "error")
        assert first["code"] == "database_unreadable"
        assert times[1] - times[0] >= timedelta(seconds=59)
        assert server.http.headers["X-API-Key"] not in server.log


PROXY = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    location / {{ proxy_pass {upstream}; }}
  }}
}}
"""


@contextmanager
def proxied(server: Server, folder: Path, nginx: Path, openssl: Path) -> Iterator[str]:
    """The address of a TLS proxy before the server."""
    port = free_port()
    making = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    making += ["-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(making, capture_output=True, check=True)
    upstream = str(server.stranger.base_url).rstrip("/")
    (folder / "nginx.conf").write_text(PROXY.format(folder=folder, port=port, upstream=upstream), encoding="utf-8")
    process = subprocess.Popen([nginx, "-c", folder / "nginx.conf", "-e", folder / "nginx.log"])
    try:
        yield f"https://localhost:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.timeout(120)
def test_g3_002_health_works_through_a_tls_proxy(tmp_path: Path, require_binary: Callable[[str], Path]):
    programs = [require_binary(name) for name in ("nginx", "openssl")]
    (tmp_path / "proxy").mkdir()

    def through(address: str) -> int:
        asked = [require_binary("curl"), "-fsS", "--cacert", tmp_path / "proxy/cert.pem", f"{address}/health"]
        return subprocess.run(asked, capture_output=True, check=False).returncode

    with serving(tmp_path) as server, proxied(server, tmp_path / "proxy", *programs) as address:
        wait_for(lambda: through(address) == 0, 10)
        assert server.run("health").returncode == 0
        damage(server)
        wait_for(lambda: through(address) == 22, 15)
        assert curl(require_binary, server, "/health") == 22
        assert server.run("health", check=False).returncode == 1
    assert run("health", folder=tmp_path).returncode == 3
