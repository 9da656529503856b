"""Commands without a server, and servers that come and go on one data folder."""

import json
import os
import signal
import subprocess

import pytest

from tests.acceptance.cli.conftest import SAMPLES
from tests.acceptance.server import COMMAND, run, serving, wait_for

pytestmark = pytest.mark.timeout(180)


def test_a_folder_is_used_from_init_to_answer_without_a_server(tmp_path):
    made = json.loads(run("init", "--json", folder=tmp_path).stdout)
    key = tmp_path / "data" / "secrets" / "api_key"
    assert made["api_key_file"] == str(key)
    assert key.stat().st_mode & 0o077 == 0
    before = key.read_text()
    assert run("init", folder=tmp_path).returncode == 0
    assert key.read_text() == before
    assert run("db", "current", folder=tmp_path).stdout.strip().endswith("(head)")

    added = run("ingest", str(SAMPLES / "employee-handbook.md"), "--json", folder=tmp_path)
    assert added.returncode == 0, added.stderr
    assert added.stderr == ""
    assert json.loads(added.stdout)["ready"] == 1
    answer = run("ask", "How many days of parental leave do employees get?", "--json", folder=tmp_path)
    assert json.loads(answer.stdout)["citations"], answer.stderr


def test_health_without_a_server_could_not_run(tmp_path):
    done = run("health", "--json", folder=tmp_path)
    assert done.returncode == 3
    assert json.loads(done.stdout)["code"] == "server_not_running"


def test_current_of_an_empty_place_makes_nothing(tmp_path):
    done = run("db", "current", "--json", folder=tmp_path)
    assert json.loads(done.stdout)["revision"] is None
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "data").write_text("a file", encoding="utf-8")
    for command in (["init"], ["serve"], ["status"], ["ingest", "."], ["db", "upgrade"]):
        done = run(*command, folder=tmp_path)
        assert done.returncode == 3, command
        assert "[data_folder_unusable]" in done.stderr
        assert "Traceback" not in done.stderr


def test_one_server_a_folder_and_none_lost_to_a_kill(tmp_path):
    with serving(tmp_path / "one") as server:
        first = server.run("ingest", str(SAMPLES / "employee-handbook.md"))
        assert first.returncode == 0
        second = server.run("serve", "--port", "0", check=False)
        assert second.returncode == 3
        assert "[data_folder_in_use]" in second.stderr
        assert str(server.process.pid) in second.stderr
        upgraded = server.run("db", "upgrade", check=False)
        assert upgraded.returncode == 3
        assert "[data_folder_in_use]" in upgraded.stderr
        assert server.run("init").returncode == 0
        (tmp_path / "two").mkdir()
        taken = run("serve", "--port", server.environment["RAG_PORT"], folder=tmp_path / "two")
        assert taken.returncode == 3
        assert "[port_in_use]" in taken.stderr

        server.run("ingest", str(SAMPLES), "--no-wait")
        server.process.kill()
        server.process.wait()
        assert server.run("health", check=False).returncode == 3
    with serving(tmp_path / "one") as server:
        count = len(list(SAMPLES.iterdir()))
        wait_for(lambda: json.loads(server.run("status", "--json").stdout)["documents"]["ready"] == count)
        hits = json.loads(server.run("search", "parental leave", "--json").stdout)["results"]
        assert hits[0]["name"] == "employee-handbook.md"


def test_interruption_leaves_with_130_and_no_stack(tmp_path):
    with serving(tmp_path) as server:
        large = tmp_path / "many"
        large.mkdir()
        for number in range(400):
            (large / f"{number}.md").write_text(f"Note {number}. " * 200, encoding="utf-8")
        command = [COMMAND, "ingest", str(large)]
        environment = {"PATH": os.environ["PATH"], **server.environment}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            wait_for(lambda: server.http.get("/api/v1/documents", params={"limit": 1}).json()["items"] != [])
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
        assert process.returncode == 130, errors
        assert b"Traceback" not in errors


def test_the_version_is_printed(tmp_path):
    shown = run("--version", folder=tmp_path)
    assert shown.returncode == 0
    assert shown.stdout.startswith("ragkeeper ")
