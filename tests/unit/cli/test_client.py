import io

import httpx
import pytest

from ragkeeper.cli.client import Client, Event, events
from ragkeeper.cli.errors import CommandFailed, FileChanged, ServerSilent, ServerUnreachable
from tests.unit.cli.server import FakeServer, problem, stream


def client(answer):
    return Client(httpx.Client(base_url="http://fake", transport=httpx.MockTransport(answer)))


def raising(error):
    def answer(request):
        raise error

    return client(answer)


def test_queries_leave_out_what_is_none():
    server = FakeServer({"GET /things": [1]})
    with server.connect() as reached:
        assert reached.get("/things", limit=3, cursor=None, collection="a b") == [1]
    assert server.asked() == "GET /things?limit=3&collection=a+b"


def test_problems_are_raised_with_all_their_fields():
    with pytest.raises(CommandFailed) as failed:
        client(lambda _: problem(404, "document_unknown", "No such one.", "List them.")).get("/x")
    error = failed.value
    assert (error.status, error.code, error.message, error.advice) == (
        404,
        "document_unknown",
        "No such one.",
        "List them.",
    )


def test_a_key_that_is_refused_is_looked_for_in_the_settings():
    with pytest.raises(CommandFailed) as failed:
        client(lambda _: problem(401, "not_authenticated", "No key.", "Send a header.")).get("/x")
    assert failed.value.code == "not_authenticated"
    assert failed.value.advice.startswith("Unset API_KEY")


def test_a_server_that_does_not_answer_in_time_is_silent():
    with pytest.raises(ServerSilent) as failed:
        raising(httpx.ReadTimeout("timed out")).get("/x")
    assert (failed.value.code, failed.value.status) == ("server_silent", 503)
    assert "http://fake" in failed.value.message


def test_an_error_that_is_no_problem_object_is_still_told():
    for response in (httpx.Response(502, text="<h1>Bad gateway</h1>"), httpx.Response(502, json=["x"])):
        with pytest.raises(CommandFailed) as failed:
            client(lambda _, response=response: response).get("/x")
        assert (failed.value.status, failed.value.code) == (502, "http_error")
        assert "502" in failed.value.message


def test_an_accepted_status_is_an_answer():
    reached = client(lambda _: httpx.Response(503, json={"status": "unhealthy"}))
    assert reached.get("/health", accept={503}) == {"status": "unhealthy"}


def test_nothing_comes_from_an_empty_answer():
    assert client(lambda _: httpx.Response(204)).delete("/x") is None


def test_a_server_that_is_gone_is_named():
    with pytest.raises(ServerUnreachable, match=r"http://fake.*refused"):
        raising(httpx.ConnectError("refused")).post("/chat", {})


def test_a_file_that_grows_while_it_is_sent_is_that_files_failure():
    with pytest.raises(FileChanged):
        raising(httpx.LocalProtocolError("Too much data")).get("/x")


def test_streams_give_events_and_raise_their_error():
    refused = {"code": "TIMEOUT", "status": 504, "detail": "Too slow.", "fix": "Wait."}
    reached = client(lambda _: stream(("token", {"text": "a"}), ("error", refused)))
    got = reached.stream("/chat/stream", {"message": "q"})
    assert next(got) == Event("token", {"text": "a"})
    with pytest.raises(CommandFailed, match="Too slow") as failed:
        next(got)
    assert failed.value.code == "TIMEOUT"


def test_a_stream_that_never_begins_raises_its_problem():
    with pytest.raises(CommandFailed, match="It failed"):
        list(client(lambda _: problem(401, "not_authenticated")).stream("/chat/stream", {}))


def test_events_survive_every_cut_and_every_line_separator():
    text = 'event: token\ndata: {"text": "a\u2028b\x85c: d"}\n\nevent: done\ndata: {}\n\n'.encode()
    whole = [Event("token", {"text": "a\u2028b\x85c: d"}), Event("done", {})]
    assert list(events(iter([text]))) == whole
    for at in range(len(text)):
        assert list(events(iter([text[:at], text[at:]]))) == whole


def test_a_server_with_too_much_to_do_is_asked_again_with_the_whole_file() -> None:
    bodies: list[bytes] = []
    pauses: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.read())
        if len(bodies) < 3:
            return httpx.Response(503, json={"code": "overloaded"}, headers={"retry-after": "5"})
        return httpx.Response(202, json={"id": "1"})

    http = httpx.Client(base_url="http://fake", transport=httpx.MockTransport(answer))
    answered = Client(http, pauses.append).upload("/api/v1/documents", "a.md", io.BytesIO(b"all of it"), {})
    assert answered == {"id": "1"}
    assert [b"all of it" in body for body in bodies] == [True, True, True]
    assert pauses == [5, 5]


def test_it_is_not_asked_for_ever() -> None:
    pauses: list[float] = []

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(503, json={"code": "overloaded", "title": "Too much."}, headers={"retry-after": "600"})

    http = httpx.Client(base_url="http://fake", transport=httpx.MockTransport(answer))
    with pytest.raises(CommandFailed):
        Client(http, pauses.append).get("/api/v1/documents")
    assert 60 <= sum(pauses) <= 120
