import asyncio

import httpx
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message, Receive, Scope, Send

from ragkeeper.core.metrics import Metrics
from ragkeeper.http.body import KeyBeforeBody
from ragkeeper.http.errors import install_error_handlers
from ragkeeper.http.measuring import RequestMetrics
from ragkeeper.http.templates import UNKNOWN_PATH


class Nobody:
    async def caller(self, api_key: str) -> None:
        return None


def client(metrics: Metrics) -> httpx.AsyncClient:
    app, router = FastAPI(), APIRouter(prefix="/things")
    app.state.authenticator = Nobody()
    install_error_handlers(app)
    app.add_middleware(KeyBeforeBody, authenticator=Nobody())
    app.add_middleware(RequestMetrics, metrics=metrics)

    @router.get("/{number}")
    async def thing(number: int) -> int:
        return 1 // number

    @router.get("/events/all")
    async def events() -> StreamingResponse:
        return StreamingResponse(iter([b"data: 1\n\n"]), media_type="text/event-stream")

    @router.post("/{number}")
    async def change(number: int) -> int:
        return number

    app.include_router(router)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


def requests(metrics: Metrics) -> dict[tuple[str, str, str], float]:
    return {
        (sample.labels["method"], sample.labels["path"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(metrics.scrape().decode())
        for sample in family.samples
        if sample.name == "http_requests_total"
    }


async def test_paths_are_templates():
    metrics = Metrics()
    async with client(metrics) as http:
        for path in ("/things/1", "/things/2", "/things/events/all", "/things/x"):
            await http.get(path)
    assert requests(metrics) == {
        ("GET", "/things/{number}", "200"): 2,
        ("GET", "/things/events/all", "200"): 1,
        ("GET", "/things/{number}", "422"): 1,
    }


async def test_a_crash_counts_as_500():
    metrics = Metrics()
    async with client(metrics) as http:
        assert (await http.get("/things/0")).status_code == 500
    assert requests(metrics) == {("GET", "/things/{number}", "500"): 1}


async def test_paths_that_no_route_has_share_one_label():
    metrics = Metrics()
    async with client(metrics) as http:
        for number in range(50):
            await http.get(f"/{number}.php")
        await http.request("BREW", "/pot")
    assert requests(metrics) == {("GET", UNKNOWN_PATH, "404"): 50, ("other", UNKNOWN_PATH, "404"): 1}


async def test_a_refusal_before_the_route_counts_for_its_route():
    metrics = Metrics()
    async with client(metrics) as http:
        assert (await http.post("/things/7", json={})).status_code == 401
    assert requests(metrics) == {("POST", "/things/{number}", "401"): 1}


async def test_a_client_that_goes_away_counts_apart():
    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    async def nowhere(_message: Message) -> None:
        raise AssertionError

    metrics = Metrics()
    await RequestMetrics(nothing, metrics)({"type": "http", "method": "GET"}, gone, nowhere)
    assert requests(metrics) == {("GET", UNKNOWN_PATH, "499"): 1}


async def test_an_event_stream_is_timed_to_its_first_byte():
    async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await asyncio.sleep(0.05)

    async def taken(_message: Message) -> None:
        return None

    async def silent() -> Message:
        return {"type": "http.request"}

    metrics = Metrics()
    await RequestMetrics(stream, metrics)({"type": "http", "method": "GET"}, silent, taken)
    families = text_string_to_metric_families(metrics.scrape().decode())
    [seconds] = [s.value for one in families for s in one.samples if s.name == "http_request_duration_seconds_sum"]
    assert seconds < 0.04


def by(metrics: Metrics, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    samples = [sample for family in metrics.families() for sample in family.samples if sample.name == name]
    return {tuple(sample.labels[label] for label in labels): sample.value for sample in samples if sample.value}


async def answered(metrics: Metrics, *messages: Message, path: str = "/api/v1/documents") -> None:
    """A request whose answer is these messages."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"caller_kind": "administrator"}
        for message in messages:
            await send(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "route": type("R", (), {"path": path})}
    await RequestMetrics(app, metrics, {"/api/v1/documents"})(scope, nothing, nothing)


async def nothing(*_: object) -> Message:
    return {}


def start(status: int, kind: bytes = b"application/problem+json") -> Message:
    return {"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]}


def body(content: bytes) -> Message:
    return {"type": "http.response.body", "body": content}


async def test_uploads_are_counted_by_what_was_said_of_them():
    metrics = Metrics()
    await answered(metrics, start(202, b"application/json"), body(b'{"code": "not_a_problem"}'))
    await answered(metrics, start(400), body(b'{"title": "x", "code": "file_empty"}'))
    await answered(metrics, start(507), body(b'{"code":"disk_space_low"}'))
    await answered(metrics, start(400), body(b'{"code": "query_empty"}'), path="/chat")
    assert by(metrics, "rag_uploads_total", "result", "code") == {
        ("accepted", "none"): 1,
        ("refused", "file_empty"): 1,
        ("failed", "disk_space_low"): 1,
    }
    assert by(metrics, "rag_errors_total", "code") == {("file_empty",): 1, ("disk_space_low",): 1, ("query_empty",): 1}
    assert by(metrics, "rag_requests_by_caller_total", "path", "caller")["/chat", "administrator"] == 1
    assert by(metrics, "rag_requests_in_flight") == {}


async def test_a_scrape_tells_how_many_are_being_answered():
    metrics, scraped = Metrics(), []

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        scraped.append(by(metrics, "rag_requests_in_flight"))

    measured = RequestMetrics(app, metrics)
    await measured({"type": "http", "method": "GET", "path": "/"}, nothing, nothing)
    assert scraped == [{(): 1}]
    assert by(metrics, "rag_requests_in_flight") == {}


async def test_an_error_in_the_middle_of_a_stream_is_counted():
    metrics = Metrics()
    stream = start(200, b"text/event-stream")
    await answered(metrics, stream, body(b"event: token\ndata: {}\n\n"), body(b'event: error\ndata: {"code": "a"}\n\n'))
    await answered(metrics, stream, body(b'data: {"error": {"code": "b"}}\n\n'))
    await answered(metrics, stream, body(b'event: token\ndata: {"text": "\\"code\\": \\"c\\""}\n\n'))
    assert by(metrics, "rag_errors_total", "code") == {("a",): 1, ("b",): 1}
