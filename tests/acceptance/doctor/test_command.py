"""The command as people and scripts use it: against real servers, on small disks, without a trace."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.doctor.conftest import NOTES, fill
from tests.acceptance.server import COMMAND, Server, run, serving, wait_for

PROVIDER = {"RAG_LLM_PROVIDERS": "gone", "RAG_LLM_GONE_BASE_URL": "http://127.0.0.1:9/v1", "RAG_LLM_GONE_MODEL": "m"}
OWN_DISK = ["unshare", "-rm", "sh", "-c"]
SHAPE = {"verdict", "checked_at", "seconds", "version", "server", "branches", "findings"}
FINDING = {"code", "severity", "message", "consequence", "evidence", "fix", "mends_itself", "page"}

pytestmark = pytest.mark.timeout(180)


def traces(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Time of change, mode and content of everything."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            path.stat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in [folder, *folder.rglob("*")]
    }


def codes(found: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in found["findings"]} - NOTES


def doctor(folder: Path, *options: str, **settings: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of the command on `folder/data`."""
    done = run("doctor", "--json", *options, folder=folder, environment={"RAG_PORT": "0", **settings})
    return done.returncode, json.loads(done.stdout)


def doctor_of(server: Server) -> tuple[int, set[str]]:
    done = server.run("doctor", "--json", check=False)
    return done.returncode, codes(json.loads(done.stdout))


def test_a_healthy_server_has_no_findings_and_the_shape_is_stable(tmp_path: Path):
    with serving(tmp_path) as server:
        fill(server)
        done = server.run("doctor", "--json", check=False)
        found = json.loads(done.stdout)
        assert (done.returncode, codes(found)) == (0, set())
        assert set(found) == SHAPE
        assert found["server"] == str(server.http.base_url).rstrip("/")
        assert {"settings", "machine", "data", "secrets", "database", "index", "documents", "models", "server"} <= set(
            found["branches"]
        )
        check = found["branches"]["database"]["checks"][0]
        assert set(check) == {"name", "state", "seconds", "reason", "codes"}
        assert all(set(finding) == FINDING for finding in found["findings"])
        shown = server.run("doctor").stdout
        assert "[ok] database: present, readable, integrity, references, log size, schema" in shown


@pytest.mark.parametrize("state", ["stopped", "killed"])
def test_looking_leaves_no_trace(request: pytest.FixtureRequest, tmp_path: Path, state: str):
    shutil.copytree(request.getfixturevalue(state), tmp_path / "data")
    before = traces(tmp_path / "data")
    status, found = doctor(tmp_path)
    assert traces(tmp_path / "data") == before
    assert (status, codes(found)) == (0, set())
    assert found["branches"]["database"]["verdict"] == "ok"
    doctor(tmp_path, "--fix", "--plan")
    assert traces(tmp_path / "data") == before


def test_looking_at_nothing_makes_nothing(tmp_path: Path):
    status, found = doctor(tmp_path)
    assert (status, codes(found)) == (0, {"not_initialised"})
    assert list(tmp_path.iterdir()) == []


def test_a_copy_whose_log_lacks_its_shared_memory_is_read_whole(killed: Path, tmp_path: Path):
    shutil.copytree(killed, tmp_path / "data")
    for path in (tmp_path / "data").glob("*-shm"):
        path.unlink()
    before = traces(tmp_path / "data")
    assert doctor(tmp_path)[1]["branches"]["documents"]["verdict"] == "ok"
    assert traces(tmp_path / "data") == before


def test_safe_mends_are_planned_then_done(stopped: Path, tmp_path: Path):
    shutil.copytree(stopped, tmp_path / "data")
    (tmp_path / "data/secrets").chmod(0o755)
    (tmp_path / "data/secrets/api_key").chmod(0o644)
    shutil.rmtree(tmp_path / "data/logs")
    status, found = doctor(tmp_path, "--fix", "--plan")
    data = (tmp_path / "data").resolve()
    assert set(found["plan"]) == {
        f"mkdir {data}/logs",
        f"chmod 700 {data}/secrets",
        f"chmod 600 {data}/secrets/api_key",
    }
    assert (status, (data / "logs").exists()) == (1, False)
    status, found = doctor(tmp_path, "--fix")
    assert (status, codes(found)) == (0, set())
    assert oct((data / "secrets/api_key").stat().st_mode)[-3:] == "600"
    assert run("doctor", "--plan", folder=tmp_path).returncode == 2


def test_settings_that_cannot_be_used_are_misuse_with_a_fix(tmp_path: Path):
    status, found = doctor(tmp_path, RAG_TOP_KK="3")
    assert (status, codes(found)) == (2, {"setting_unknown"})


def test_a_server_that_hangs_is_found(tmp_path: Path):
    with serving(tmp_path) as server:
        server.process.send_signal(signal.SIGSTOP)
        try:
            assert doctor_of(server) == (1, {"server_silent"})
        finally:
            server.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("code", ["api_key_missing", "api_key_unreadable"])
def test_a_server_whose_key_cannot_be_had_is_not_called_silent(tmp_path: Path, code: str):
    with serving(tmp_path) as server:
        key = tmp_path / "data/secrets/api_key"
        key.rename(key.with_name("aside"))
        if code == "api_key_unreadable":
            key.symlink_to("/proc/self/mem")  # its first byte can be read by nobody, the superuser included
        done = server.run("doctor", "--json", check=False)
    found = json.loads(done.stdout)
    assert (done.returncode, codes(found)) == (1, {code})
    checks = {one["name"]: one for one in found["branches"]["server"]["checks"]}
    assert (checks["answers"]["state"], checks["parts"]["state"]) == ("ok", "skipped")
    assert "api_key" in checks["parts"]["reason"]


def test_a_key_of_another_server_is_found(tmp_path: Path):
    other = {"API_KEY": "3f9a1c77d2b84e60a5c9d1e2f3b4a596877812cd"}
    with serving(tmp_path) as server:
        status, found = doctor(tmp_path, **other)
        assert (status, codes(found)) == (1, {"server_key_refused"})
        diagnosed = run("diagnose", "performance", folder=tmp_path, environment=other)
        assert "no server answers" not in diagnosed.stdout
        assert "- API endpoint not responding: The server refuses the key of the settings." in diagnosed.stdout
        assert doctor_of(server) == (0, set())


def test_passages_that_the_running_index_lacks_or_has_too_many_are_found(tmp_path: Path):
    with serving(tmp_path) as server:
        fill(server)
        with contextlib.closing(sqlite3.connect(tmp_path / "data/ragkeeper.db")) as connection, connection:
            connection.execute("DELETE FROM chunk_vectors WHERE chunk_id = 1")
            connection.execute("DELETE FROM chunks WHERE id = 1")
        assert "index_count_differs" in doctor_of(server)[1]


def test_parts_and_steps_of_a_running_server_are_found(tmp_path: Path):
    with serving(tmp_path, PROVIDER) as server:
        wait_for(lambda: server.http.get("/status").json()["degradation"]["causes"] != [])
        assert doctor_of(server) == (1, {"part_unwell", "degraded", "provider_unreachable"})
        server.run("degrade", "--to", "read_only", "--for", "10m")
        assert "degradation_forced" in doctor_of(server)[1]


def on_disk(folder: Path, prepare: str, below: str, options: str, **settings: str) -> dict[str, Any]:
    """What the doctor finds where a part of the data folder is a disk of its own. prepare: done on it before."""
    disk = folder / "data" / below
    mount = f"mount -t tmpfs -o {options} tmpfs {disk}"
    if subprocess.run([*OWN_DISK, mount], capture_output=True, check=False).returncode:
        pytest.skip("this machine gives its users no file systems of their own")
    environment = {"PATH": os.environ["PATH"], "RAG_DATA_DIR": str(folder / "data"), "RAG_PORT": "0", **settings}
    script = f"{mount} && {prepare.format(disk=disk, mount=mount)} && {COMMAND} doctor --json"
    done = subprocess.run([*OWN_DISK, script], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_disk_without_inodes_is_found(stopped: Path, tmp_path: Path):
    shutil.copytree(stopped, tmp_path / "data")
    prepare = "for n in $(seq 19); do : > {disk}/$n; done"
    found = on_disk(tmp_path, prepare, "backups", "size=20m,nr_inodes=20", RAG_MIN_FREE_MB="0")
    assert codes(found) == {"inodes_nearly_full"}


def test_a_disk_that_is_nearly_full_is_told_from_a_full_one(stopped: Path, tmp_path: Path):
    shutil.copytree(stopped, tmp_path / "data")
    prepare = "head -c {size} /dev/zero > {{disk}}/filler"
    found = on_disk(tmp_path, prepare.format(size=18_900_000), "backups", "size=20m", RAG_MIN_FREE_MB="0")
    assert codes(found) == {"disk_nearly_full"}
    assert found["branches"]["machine"]["verdict"] == "warning"


def test_a_disk_that_was_mounted_read_only_is_found(stopped: Path, tmp_path: Path):
    shutil.copytree(stopped, tmp_path / "data")
    found = on_disk(tmp_path, "mount -o remount,ro tmpfs {disk}", "logs", "size=20m", RAG_MIN_FREE_MB="0")
    assert codes(found) == {"filesystem_read_only"}


def test_few_open_files_are_found(stopped: Path, tmp_path: Path):
    shutil.copytree(stopped, tmp_path / "data")
    environment = {"PATH": os.environ["PATH"], "RAG_DATA_DIR": str(tmp_path / "data"), "RAG_PORT": "0"}
    script = f"ulimit -n 256 && {COMMAND} doctor --json"
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert codes(json.loads(done.stdout)) == {"open_files_limit_low"}


def test_few_open_files_of_the_server_are_found_by_a_command_that_may_open_more(tmp_path: Path):
    with serving(tmp_path, within=["prlimit", "--nofile=512"]) as server:
        assert doctor_of(server) == (1, {"open_files_limit_low"})


def starts(folder: Path) -> Sequence[object]:
    """Exit code and words of a start that ends by itself."""
    environment = {"PATH": os.environ["PATH"], "RAG_DATA_DIR": str(folder / "data"), "RAG_PORT": "0"}
    done = subprocess.run(
        [COMMAND, "serve"], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


def test_a_start_on_a_damaged_database_is_refused_and_changes_nothing(stopped: Path, tmp_path: Path):
    shutil.copytree(stopped, tmp_path / "data")
    path = tmp_path / "data/ragkeeper.db"
    path.write_bytes(b"no database" * 9000)
    status, said = starts(tmp_path)
    assert status == 3
    assert "[database_damaged]" in str(said)
    assert path.read_bytes() == b"no database" * 9000


def test_a_start_tells_findings_in_its_log(tmp_path: Path):
    with serving(tmp_path, {"RAG_METRICS_TOKEN": "short"}) as server:
        wait_for(lambda: '"code": "metrics_token_weak"' in server.log)
        records = [json.loads(line) for line in server.log.splitlines() if '"finding"' in line]
        assert {record["code"] for record in records} == {"metrics_token_weak"}
        assert records[0]["level"] == "warning"
        assert records[0]["fix"]


def test_an_upgrade_on_a_damaged_database_is_refused(stopped: Path, tmp_path: Path):
    shutil.copytree(stopped, tmp_path / "data")
    path = tmp_path / "data/ragkeeper.db"
    with contextlib.closing(sqlite3.connect(path)) as sql:
        sql.execute("DELETE FROM alembic_version")
        sql.execute("DELETE FROM collections")
        sql.commit()
    done = run("db", "upgrade", folder=tmp_path)
    assert done.returncode == 3
    assert "[references_broken]" in done.stderr
    assert "[upgrade_refused]" in done.stderr
