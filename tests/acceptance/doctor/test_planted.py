"""Each planted fault is found by its code, with a fix, and a healthy installation has none."""

# ruff: noqa: S106, S608 - the statements and the token are the faults themselves

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ragkeeper.core.checks import Severity
from ragkeeper.operations.doctor.models import State
from ragkeeper.storage.files.data_folder import DataFolder
from tests.acceptance.background import in_background
from tests.acceptance.doctor.conftest import DOCUMENTS, NOTES, Installation
from tests.contract.chat.standin import MODELS, Behaviour, StandIn

LONG_AGO = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%d %H:%M:%S.%f")
SOON = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%d %H:%M:%S.%f")
NOW_MS = int(datetime.now(UTC).timestamp() * 1000)
SOURCE = (
    "INSERT INTO sources (id, name, kind, location, options, collection_id, paused, created_by, created_at, last_run) "
)
SOURCE += "SELECT 's', 'manuals', 'folder', '{location}', '{{}}', id, 0, 'admin', created_at, {last} FROM collections"
FAILED_RUN = """'{"problem": {"code": "source_failed", "message": "it is away", "fix": ""}}'"""
JOB = "INSERT INTO workflow_status (workflow_uuid, name, status, created_at, updated_at, inputs) VALUES "
DEAD = {"RAG_LLM_PROVIDERS": "gone", "RAG_LLM_GONE_BASE_URL": "http://127.0.0.1:9/v1", "RAG_LLM_GONE_MODEL": "m"}

FIRST = " WHERE id IN (SELECT min(id) FROM versions)"
FAILED = "UPDATE versions SET status = 'failed', error_code = 'no_text'"
WAITS = f"UPDATE versions SET status = 'accepted', queued_at = '{LONG_AGO}'"
READ = f"UPDATE attempts SET ended_at = '{LONG_AGO}'"
ABANDONED = "UPDATE versions SET status = 'parsing', claimed_by = 'x'"
UNINDEXED = f"INSERT INTO index_outbox (operation, document_id, created_at) VALUES ('x', 'd', '{LONG_AGO}')"
COMPARED = '{"orphans": 3, "missing": 0, "checked_at": "2026-01-01T00:00:00+00:00"}'
LONG_PAST = COMPARED.replace("3", "0", 1)
FORCED = f'{{"step": "read_only", "by": "admin", "until": "{SOON}+00:00"}}'
LOST = f"{JOB} ('a', 'sync', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED', {NOW_MS}, {NOW_MS}, '')"
STALLED = f"{JOB} ('a', 'sync', 'ENQUEUED', {NOW_MS - 7_200_000}, {NOW_MS}, '')"

Plant = Callable[[Installation], object]


def settings(**given: str) -> Plant:
    return lambda one: one.set(**given)


def sql(*statements: str, file: str = "ragkeeper.db") -> Plant:
    return lambda one: one.sql(*statements, file=file)


def remember(name: str, value: str) -> Plant:
    """Something in the table of what a server remembers."""
    return sql(
        f"DELETE FROM settings WHERE name = '{name}'",
        f"INSERT INTO settings VALUES ('{name}', '{value}', '{LONG_AGO}')",
    )


def in_folder(change: Callable[[Path], object]) -> Plant:
    return lambda one: change(one.data)


def overwritten(path: Path, start: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


def manifest(data: Path) -> Path:
    return next((data / "index").glob("*/index.json"))


def original(data: Path) -> Path:
    return next(path for path in (data / "files").glob("[0-9a-f][0-9a-f]/*") if path.is_file())


def env_file(one: Installation) -> None:
    path = one.data.parent / ".env"
    path.write_text("RAG_METRICS_TOKEN=0123456789abcdef0123456789abcdef\n")
    path.chmod(0o644)


def large_log(data: Path) -> None:
    """As a reader that never ends leaves it."""
    (data / "ragkeeper.db-shm").touch()
    with (data / "ragkeeper.db-wal").open("wb") as file:
        file.truncate(1_100_000_000)


def aside(data: Path) -> None:
    folder = data / "index-aside-20260101T000000"
    folder.mkdir()
    (folder / "part").write_bytes(b"x" * 100)


def file_for_folder(data: Path, name: str = "logs") -> None:
    shutil.rmtree(data / name, ignore_errors=True)
    (data / name).touch()


def link_for_folder(data: Path) -> None:
    (data / "backups").rmdir()
    (data / "backups").symlink_to("/not/there")


FAULTS: dict[str, Plant] = {
    "setting_unknown": settings(RAG_TOPK="3"),
    "setting_invalid": settings(RAG_PORT="many"),
    "env_file_readable": env_file,
    "metrics_token_weak": settings(RAG_METRICS_TOKEN="short"),
    "threads_above_cores": settings(RAG_EMBEDDING_THREADS="64"),
    "parser_memory_above_limit": settings(RAG_PARSER_MEMORY_MB="90000000"),
    "parsers_memory_above_limit": settings(RAG_PARSER_WORKERS="64", RAG_PARSER_MEMORY_MB="16000"),
    "folder_missing": in_folder(lambda data: shutil.rmtree(data / "logs")),
    "no_folder": in_folder(file_for_folder),
    "folder_link_broken": in_folder(link_for_folder),
    "data_folder_open": in_folder(lambda data: data.chmod(0o755)),
    "secrets_folder_open": in_folder(lambda data: (data / "secrets").chmod(0o750)),
    "api_key_readable": in_folder(lambda data: (data / "secrets/api_key").chmod(0o644)),
    "api_key_missing": in_folder(lambda data: (data / "secrets/api_key").unlink()),
    "api_key_weak": in_folder(lambda data: (data / "secrets/api_key").write_text("secret")),
    "database_missing": in_folder(lambda data: (data / "ragkeeper.db").unlink()),
    "database_damaged": in_folder(lambda data: overwritten(data / "ragkeeper.db", 0, b"no database" * 50)),
    "references_broken": sql("DELETE FROM collections"),
    "database_log_large": in_folder(large_log),
    "schema_out_of_date": sql("DELETE FROM alembic_version"),
    "schema_unknown": sql("UPDATE alembic_version SET version_num = '9999'"),
    "tables_missing": sql("DROP TABLE conversations"),
    "index_missing": in_folder(lambda data: shutil.rmtree(data / "index")),
    "index_damaged": in_folder(lambda data: manifest(data).write_text("{")),
    "index_mismatch": settings(RAG_LEXICAL_LANGUAGE="german"),
    "index_behind": sql(UNINDEXED),
    "index_out_of_step": remember("index_check", COMPARED),
    "index_not_compared": remember("index_check", LONG_PAST),
    "vectors_wrong_length": sql("UPDATE chunk_vectors SET vector = x'0102' WHERE chunk_id = 1"),
    "chunks_not_embedded": sql("DELETE FROM chunk_vectors WHERE chunk_id = 1"),
    "originals_missing": in_folder(lambda data: original(data).unlink()),
    "documents_failed": sql(FAILED + FIRST),
    "queue_stalled": sql(WAITS + FIRST, READ),
    "reading_abandoned": sql(ABANDONED + FIRST),
    "reading_paused": remember("reading_paused", "true"),
    "ocr_missing": settings(RAG_OCR_LANGUAGES="eng+tlh"),
    "source_failing": sql(SOURCE.format(location="/", last=FAILED_RUN)),
    "source_folder_missing": sql(SOURCE.format(location="/not/there", last="NULL")),
    "jobs_lost": sql(LOST, file="jobs.db"),
    "jobs_stalled": sql(STALLED, file="jobs.db"),
    "degradation_forced": remember("forced_degradation", FORCED),
    "clock_behind": sql(f"UPDATE versions SET created_at = '{SOON}'"),
    "index_put_aside": in_folder(aside),
    "provider_unreachable": settings(**DEAD),
    "redis_unreachable": settings(REDIS_URL="redis://127.0.0.1:9/0"),
    "not_initialised": in_folder(shutil.rmtree),
}  # fmt: skip
# What a fault brings with it.
ALSO = {
    "database_missing": {"database_missing"},
    "index_missing": {"folder_missing"},
    "references_broken": {"references_broken"},
    "tables_missing": {"tables_missing", "references_broken"},
    "index_out_of_step": {"index_not_compared"},
    "not_initialised": set[str](),
    "parser_memory_above_limit": set[str](),
}


def test_a_healthy_installation_has_no_findings_but_notes(healthy: Installation) -> None:
    examined = healthy.examined()
    assert {finding.code for finding in examined.findings} == NOTES
    assert all(finding.severity is Severity.NOTE for finding in examined.findings)
    skipped = {one.branch for one in examined.looked if one.state is State.SKIPPED}
    assert skipped == {"server"}


def test_enough_faults_are_planted() -> None:
    assert len(FAULTS) >= 40


@pytest.mark.parametrize("code", FAULTS)
def test_a_planted_fault_is_found_and_nothing_else(healthy: Installation, code: str) -> None:
    FAULTS[code](healthy)
    found = healthy.findings()
    assert code in found
    assert set(found) - {code} <= ALSO.get(code, set())
    assert found[code].fix
    assert found[code].consequence
    assert "{" not in found[code].message


@pytest.mark.parametrize("name", ["files", "index", "backups", "logs", "work", "secrets"])
def test_a_file_in_place_of_a_folder_goes_aside_with_what_the_doctor_says(healthy: Installation, name: str) -> None:
    file_for_folder(healthy.data, name)
    found = healthy.findings()["no_folder"]
    assert found.evidence["path"] == str(healthy.data / name)
    subprocess.run(["sh", "-c", found.fix], check=True)
    assert (healthy.data / name).is_dir()
    assert "no_folder" not in healthy.findings()


def test_a_damaged_page_inside_the_database_is_found(healthy: Installation) -> None:
    path = healthy.data / "ragkeeper.db"
    for page in range(4, path.stat().st_size // 4096):
        overwritten(path, page * 4096, b"\xff" * 64)
    assert "database_damaged" in healthy.findings()


def test_a_damaged_record_of_jobs_is_told_apart(healthy: Installation) -> None:
    overwritten(healthy.data / "jobs.db", 0, b"no database" * 50)
    found = healthy.findings()
    assert set(found) == {"database_damaged"}
    assert found["database_damaged"].evidence["path"] == str(healthy.data / "jobs.db")
    assert [one.code for one in healthy.examined().findings].count("database_damaged") == 1


def test_a_port_that_another_program_has_is_found(healthy: Installation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        healthy.set(RAG_PORT=str(port))
        found = healthy.findings()
    assert set(found) == {"port_taken"}
    assert found["port_taken"].evidence["port"] == port


def test_a_port_is_not_called_taken_by_the_server_that_starts_there(healthy: Installation) -> None:
    folder = DataFolder(healthy.data)
    folder.lock()
    try:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            healthy.set(RAG_PORT=str(listening.getsockname()[1]))
            assert set(healthy.findings()) == {"server_starting"}
    finally:
        folder.unlock()


@pytest.mark.parametrize(
    ("setting", "given"),
    [
        ("RAG_SMTP_URL", {"RAG_ALERT_MAIL_TO": "a@example.org"}),
        ("RAG_SMTP_URL", {"RAG_ALERT_MAIL_TO": "a@example.org", "RAG_SMTP_URL": "mail.example.org"}),
        ("RAG_ALERT_THRESHOLDS", {"RAG_ALERT_THRESHOLDS": "no_such_alert=3"}),
        ("RAG_GOLDEN_SCHEDULE", {"RAG_GOLDEN_SCHEDULE": "now and then"}),
    ],
)
def test_settings_that_only_a_start_refuses_are_found(
    healthy: Installation, setting: str, given: dict[str, str]
) -> None:
    healthy.set(**given)
    found = healthy.findings()
    assert set(found) == {"setting_invalid"}
    assert setting in found["setting_invalid"].message


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser may give files away")
def test_a_file_of_another_user_is_found(healthy: Installation) -> None:
    os.chown(healthy.data / "jobs.db", 65534, 65534)
    assert set(healthy.findings()) == {"files_of_another_user"}


def test_a_provider_that_refuses_the_key_or_lacks_the_model_is_told_apart(healthy: Installation) -> None:
    with in_background(StandIn()) as model:
        healthy.set(RAG_LLM_PROVIDERS="here", RAG_LLM_HERE_BASE_URL=model.base_url, RAG_LLM_HERE_MODEL="no-such-model")
        assert set(healthy.findings()) == {"provider_lacks_model"}
        healthy.set(RAG_LLM_HERE_MODEL=MODELS[0])
        assert set(healthy.findings()) == set()
        model.behave(Behaviour.STATUS, status=401)
        assert set(healthy.findings()) == {"provider_refuses_key"}


def test_an_embedder_that_is_away_is_found(healthy: Installation) -> None:
    healthy.set(RAG_EMBEDDING_MODEL="openai:any", RAG_EMBEDDING_BASE_URL="http://127.0.0.1:9/v1")
    assert "embedder_unavailable" in healthy.findings()


def test_reference_count_of_documents_is_what_was_made(healthy: Installation) -> None:
    for path in (healthy.data / "files").glob("[0-9a-f][0-9a-f]/*"):
        path.unlink()
    assert healthy.findings()["originals_missing"].evidence["count"] == DOCUMENTS


def test_where_no_durable_job_ever_ran_there_is_nothing_to_find(healthy: Installation) -> None:
    for file in healthy.data.glob("jobs.db*"):
        file.unlink()
    examined = healthy.examined()
    assert {finding.code for finding in examined.findings} == NOTES
    assert {one.branch for one in examined.looked if one.state is State.SKIPPED} == {"server"}
