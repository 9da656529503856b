"""Whatever comes in, the answer is a clear error with a stable code, and the server goes on."""

import io
import json
import zipfile
from collections.abc import Iterator

import pytest

from tests.acceptance.server import Server, wait_for


@pytest.fixture(autouse=True)
def goes_on(server: Server) -> Iterator[None]:
    yield
    assert server.stranger.get("/health").status_code == 200
    assert server.http.get("/api/v1/search", params={"query": "parental leave"}).json()["results"]


def refused(server: Server, name: str, content: bytes) -> str:
    """The code with which an uploaded file fails, at once or when it is read."""
    answer = server.http.post("/api/v1/documents", files={"file": (name, content)})
    if answer.status_code != 202:
        return str(answer.json()["code"])
    path = f"/api/v1/documents/{answer.json()['id']}"
    wait_for(lambda: server.http.get(path).json()["status"] in {"failed", "ready"})
    found = server.http.get(path).json()
    assert found["status"] == "failed", found
    assert found["version"]["error"]["fix"]
    assert server.http.delete(path).status_code == 200
    return str(found["version"]["error"]["code"])


def bomb() -> bytes:
    """A document that unpacks to 400 MB."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"0" * 400_000_000)
    return made.getvalue()


def test_an_empty_file(server: Server) -> None:
    assert refused(server, "a.txt", b"") == "file_empty"


def test_a_file_of_blanks(server: Server) -> None:
    assert refused(server, "a.txt", b" \n\t ") == "no_text"


def test_a_file_above_the_limit_announced_or_not(server: Server) -> None:
    large = b"x" * 4_000_000
    answer = server.http.post("/api/v1/documents", files={"file": ("large.txt", large)})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    just_over = server.http.post("/api/v1/documents", files={"file": ("over.txt", b"x" * 2_100_000)})
    assert (just_over.status_code, just_over.json()["code"]) == (413, "file_too_large")


def test_a_damaged_pdf(server: Server) -> None:
    assert refused(server, "a.pdf", b"%PDF-1.7\n1 0 obj\n<<") in {"file_damaged", "no_text"}


def test_an_archive(server: Server) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.txt", "text")
    assert refused(server, "a.txt", made.getvalue()) == "archive_refused"


def test_a_zip_bomb(server: Server) -> None:
    assert refused(server, "report.docx", bomb()) == "expansion_too_large"


def test_bytes_that_are_no_text(server: Server) -> None:
    assert refused(server, "a.txt", bytes(range(256)) * 64) == "format_unsupported"


@pytest.mark.parametrize(
    ("method", "path", "arguments", "status", "code"),
    [
        ("POST", "/api/v1/documents", {"content": b"{"}, 422, "upload_invalid"),
        ("POST", "/api/v1/documents", {"json": {"text": "x", "colour": "red"}}, 422, "upload_invalid"),
        ("POST", "/api/v1/documents", {"files": {"paper": b"x"}}, 422, "upload_invalid"),
        ("POST", "/api/v1/documents", {"json": {"text": "x", "collection": "none"}}, 404, "collection_unknown"),
        ("POST", "/api/v1/search", {"json": {"query": ""}}, 400, "query_empty"),
        ("POST", "/api/v1/search", {"json": {"query": "x" * 100_000}}, 413, "query_too_long"),
        ("POST", "/api/v1/search", {"json": {"query": "x", "collection": "none"}}, 404, "collection_unknown"),
        ("POST", "/api/v1/search", {"json": {"query": "x", "top_k": 0}}, 422, "request_invalid"),
        ("POST", "/api/v1/search", {"content": b"not json"}, 422, "request_invalid"),
        ("POST", "/chat", {"json": {"message": " "}}, 400, "query_empty"),
        ("POST", "/chat", {"json": {"message": "x", "conversation_id": "none"}}, 404, "conversation_unknown"),
        ("GET", "/api/v1/documents/none", {}, 404, "document_unknown"),
        ("DELETE", "/api/v1/documents/none", {}, 404, "document_unknown"),
        ("GET", "/api/v1/documents?cursor=%E2%82%AC", {}, 400, "cursor_invalid"),
        ("GET", "/api/v1/nothing", {}, 404, "route_unknown"),
        ("PUT", "/api/v1/search", {}, 405, "method_not_allowed"),
    ],
)
def test_bad_requests(
    server: Server, method: str, path: str, arguments: dict[str, object], status: int, code: str
) -> None:
    answer = server.http.request(method, path, **arguments)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["fix"]


@pytest.mark.parametrize(
    "described",
    [
        {"title": "x" * 1001},
        {"title": "nul \0"},
        {"metadata": '{"a": NaN}'},
        {"metadata": '{"a": -Infinity}'},
        {"metadata": '{"a": 1e999}'},
        {"metadata": json.dumps({"a": "x" * 1001})},
        {"metadata": json.dumps({f"field {number}": 1 for number in range(65)})},
        {"metadata": '{"a": "nul \\u0000"}'},
    ],
)
def test_descriptions_beyond_the_limits(server: Server, described: dict[str, str]) -> None:
    """As a form and as JSON; a search cannot ask for such metadata either."""
    form = server.http.post("/api/v1/documents", files={"file": ("a.txt", b"Some words.")}, data=described)
    fields = ", ".join(
        f'"{name}": {value if name == "metadata" else json.dumps(value)}' for name, value in described.items()
    )
    headers = {"content-type": "application/json"}
    body = server.http.post("/api/v1/documents", content=f'{{"text": "Some words.", {fields}}}', headers=headers)
    answers = [form, body]
    if "metadata" in described:
        answers.append(server.http.post("/api/v1/search", content=f'{{"query": "x", {fields}}}', headers=headers))
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(422, "description_invalid")}


def test_a_question_of_one_character(server: Server) -> None:
    assert server.http.post("/api/v1/search", json={"query": "?"}).status_code == 200
    assert server.http.post("/chat", json={"message": "x"}).status_code == 200


def test_text_in_other_scripts_and_directions_is_found(server: Server) -> None:
    texts = {"ar": "تقع المكتبة في شارع النيل.", "he": "הספרייה נמצאת ברחוב הנביאים.", "ja": "図書館は駅前にあります。"}
    for name, text in texts.items():
        answer = server.http.post("/api/v1/documents", files={"file": (f"{name}.txt", text.encode())}).json()
        path = f"/api/v1/documents/{answer['id']}"
        wait_for(lambda path=path: server.http.get(path).json()["status"] == "ready")  # type: ignore[misc]
        results = server.http.post("/api/v1/search", json={"query": text}).json()["results"]
        assert results[0]["text"] == text


def test_nobody_gets_in_without_the_key(server: Server) -> None:
    for path in ("/api/v1/documents", "/api/v1/search?query=x", "/status", "/v1/models", "/api/v1/conversations"):
        answer = server.stranger.get(path)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
        wrong = server.stranger.get(path, headers={"X-API-Key": "rk_wrong"})
        assert wrong.status_code == 401
    bearer = {"Authorization": f"Bearer {server.http.headers['X-API-Key']}"}
    assert server.stranger.get("/status", headers=bearer).status_code == 200
    for path in ("/health", "/health/live", "/health/ready", "/docs", "/openapi.json", "/"):
        assert server.stranger.get(path).status_code == 200


def test_who_only_wants_the_status_of_health_asks_head(server: Server) -> None:
    for path in ("/health", "/health/live", "/health/ready"):
        answer = server.stranger.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert int(answer.headers["content-length"]) > 0
    assert server.stranger.head("/status").status_code == 405
