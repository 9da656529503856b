import asyncio

import httpx
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Message, Receive, Scope, Send

from ragkeeper.core.metrics import Metrics
from ragkeeper.http.body import KeyBeforeBody
from ragkeeper.http.errors import install_error_handlers
from ragkeeper.http.measuring import UNKNOWN_PATH, RequestMetrics


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
