"""Every command against a running server, as a script uses it."""

import json

import pytest

from tests.acceptance.cli.conftest import SAMPLES
from tests.acceptance.server import run

SAMPLES_IN = sorted(path.name for path in SAMPLES.iterdir())

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def ingested(server, mixed_folder):
    """The summary of a first ingestion of the mixed folder."""
    done = server.run("ingest", str(mixed_folder), "--json", check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return json.loads(done.stdout)


def as_json(server, *arguments):
    return json.loads(server.run(*arguments, "--json").stdout)


def test_good_files_are_in_and_bad_ones_are_named(server, ingested):
    assert ingested["accepted"] - len(SAMPLES_IN) in (0, 1)  # the broken file fails at once or when it is read
    assert ingested["ready"] == len(SAMPLES_IN)
    assert ingested["duplicates"] == 1
    failed = {item["name"]: item for item in ingested["failed"]}
    assert set(failed) == {"handbook/more/empty.txt", "handbook/more/broken.docx"}
    assert failed["handbook/more/empty.txt"]["code"] == "file_empty"
    assert all(item["message"] and item["fix"] for item in failed.values())
    names = {item["name"] for item in as_json(server, "documents", "list", "--status", "ready")["items"]}
    # Of two files with one content, the one that came first is kept.
    names = {name.replace("more/again.md", "employee-handbook.md") for name in names}
    assert names == {f"handbook/{name}" for name in SAMPLES_IN}


def test_a_second_time_everything_is_known(server, ingested, mixed_folder):
    again = server.run("ingest", str(mixed_folder / "employee-handbook.md"), str(mixed_folder / "more" / "again.md"))
    assert again.stdout.startswith("0 added, 2 known already, 0 failed.")


def test_answers_are_cited(server, ingested):
    question = "How many days of parental leave do employees get?"
    answer = as_json(server, "ask", question)
    assert answer["refused"] is False
    assert answer["citations"]
    first = answer["citations"][0]
    text = as_json(server, "documents", "content", first["document_id"])["text"]
    assert text[first["start"] : first["end"]] == first["quote"]
    for option in ("--stream", "--no-stream"):
        shown = server.run("ask", question, option).stdout
        assert f"[{first['marker']}] {first['title']}" in shown


@pytest.mark.parametrize(
    ("mode", "query", "name"),
    [
        ("hybrid", "mercury from a broken barometer", "laboratory-safety.pdf"),
        ("hybrid", "report a lost or stolen device", "it-security.docx"),
        ("lexical", "removal firm fetches the boxes", "office-move.eml"),
        ("dense", "hotel in Norway, most per night", "travel-policy.html"),
        ("hybrid", "price of the heated rain gauge Sleet", "instruments.csv"),
    ],
)
def test_searches_find_the_right_file_in_each_format(server, ingested, mode, query, name):
    found = as_json(server, "search", query, "--mode", mode, "--top-k", "3")["results"]
    assert f"handbook/{name}" in [hit["name"] for hit in found]


def test_the_commands_print_what_the_http_api_answers(server, ingested):
    document = as_json(server, "documents", "list", "--limit", "1")["items"][0]["id"]
    for arguments, path in {
        ("documents", "show", document): f"/api/v1/documents/{document}",
        ("documents", "content", document): f"/api/v1/documents/{document}/content",
        ("documents", "chunks", document): f"/api/v1/documents/{document}/chunks",
        ("documents", "collections"): "/api/v1/collections",
        ("documents", "list", "--limit", "2"): "/api/v1/documents?limit=2",
    }.items():
        assert as_json(server, *arguments) == server.http.get(path).json()


def test_health_and_status_tell_of_the_server(server, ingested):
    assert server.run("health").stdout.startswith("healthy")
    assert as_json(server, "health")["components"].keys() >= {"database", "vector_db", "embedder"}
    assert as_json(server, "status")["documents"]["ready"] >= len(SAMPLES_IN)


def test_collections_keep_documents_apart(server, tmp_path):
    server.run("documents", "create-collection", "private")
    (tmp_path / "secret.md").write_text("The zebra sleeps in room nine.", encoding="utf-8")
    server.run("ingest", str(tmp_path), "-c", "private", "-m", "year=2024")
    assert as_json(server, "search", "zebra", "-c", "private")["results"][0]["metadata"] == {"year": 2024}
    assert as_json(server, "search", "zebra", "-m", "year=2024")["results"]
    assert not as_json(server, "search", "zebra", "-c", "default", "--mode", "lexical")["results"]
    unknown = server.run("ingest", str(tmp_path), "-c", "nope", "--json", check=False)
    assert unknown.returncode == 1
    assert json.loads(unknown.stdout)["failed"][0]["code"] == "collection_unknown"


def test_a_deleted_document_is_gone(server, tmp_path):
    (tmp_path / "walrus.md").write_text("The walrus is fed at noon.", encoding="utf-8")
    server.run("ingest", str(tmp_path / "walrus.md"))
    [hit] = as_json(server, "search", "walrus", "--mode", "lexical")["results"]
    refused = server.run("documents", "delete", hit["document_id"], check=False)
    assert refused.returncode == 2
    assert "[confirmation_needed]" in refused.stderr
    server.run("documents", "delete", hit["document_id"], "--dry-run")
    assert as_json(server, "search", "walrus", "--mode", "lexical")["results"]
    receipt = as_json(server, "documents", "delete", hit["document_id"], "--yes")
    assert [one["document_id"] for one in receipt["receipt"]["sample"]] == [hit["document_id"]]
    assert not as_json(server, "search", "walrus", "--mode", "lexical")["results"]
    gone = server.run("documents", "show", hit["document_id"], "--json", check=False)
    assert gone.returncode == 2
    assert json.loads(gone.stdout)["code"] == "document_unknown"


def test_failed_documents_can_be_tried_again(server, ingested):
    [failed] = [
        item
        for item in as_json(server, "documents", "list", "--status", "failed")["items"]
        if item["name"] == "handbook/more/broken.docx"
    ]
    assert as_json(server, "documents", "retry", failed["id"])["id"] == failed["id"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("nope",),
        ("ask",),
        ("ingest",),
        ("search", "x", "--mode", "magic"),
        ("serve", "--port", "99999"),
        ("serve", "--host", "0.0.0.0"),  # noqa: S104 - refused, that is the point
        ("search", ""),
        ("db", "upgrade", "99.99"),
    ],
)
def test_misuse_is_two_without_a_stack(tmp_path, server, arguments):
    data = {} if arguments[0] == "db" else {"RAG_DATA_DIR": server.environment["RAG_DATA_DIR"]}
    done = run(*arguments, folder=tmp_path, environment=data)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_every_command_explains_itself_with_an_example(tmp_path):
    for command in ("ask", "search", "ingest", "serve", "init", "health", "status", "documents delete", "db upgrade"):
        done = run(*command.split(), "--help", folder=tmp_path)
        assert done.returncode == 0
        assert f"ragkeeper {command}" in done.stdout.partition("Example:")[2], command


def test_the_result_alone_is_on_standard_output(server, ingested):
    done = server.run("search", "leave", "--json")
    assert json.loads(done.stdout)
    assert done.stderr == ""
