"""Which requests are turned away when there is no room, and what they are told."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import ClassVar

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from structlog.testing import capture_logs

from ragkeeper.core.metrics import Metrics
from ragkeeper.core.spared import spare, speak
from ragkeeper.core.unaided import is_unaided
from ragkeeper.http.gate import Gate
from ragkeeper.http.limit import AdaptiveLimit, LimitRules
from ragkeeper.http.middleware import RequestEnvelope
from ragkeeper.http.overload import Kind, Overload, kind_of

KEY = {"X-API-Key": "valid"}


class Server:
    """One request of each kind at a time; each takes until `released`."""

    def __init__(self) -> None:
        self.asked, self.released = asyncio.Event(), asyncio.Event()
        self.metrics = Metrics()
        self.gates = {kind: Gate(AdaptiveLimit(LimitRules(1, 1, 1, 2.0))) for kind in Kind}
        self.app = FastAPI()
        known = frozenset(KEY.values())
        self.app.add_middleware(Overload, gates=self.gates, metrics=self.metrics, recognises=known.__contains__)
        self.app.add_middleware(RequestEnvelope)
        for method, path in (("GET", "/api/v1/search"), ("POST", "/api/v1/documents"), ("POST", "/chat")):
            self.app.add_api_route(path, self.answer, methods=[method])
        self.app.add_api_route("/health/live", self.alive)

    async def answer(self) -> str:
        self.asked.set()
        await self.released.wait()
        return "done"

    async def alive(self) -> str:
        return "alive"

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://test", headers=KEY)

    @asynccontextmanager
    async def pressed_by_searches(self):
        """One search is under way, and another was turned away a moment ago."""
        async with self.client() as http:
            first = asyncio.create_task(http.get("/api/v1/search"))
            await self.asked.wait()
            self.gates[Kind.SEARCH].patience = 0.005
            assert not await self.gates[Kind.SEARCH].enter()
            yield http
            self.released.set()
            assert (await first).json() == "done"


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/api/v1/search", Kind.SEARCH),
        ("POST", "/v1/embeddings", Kind.SEARCH),
        ("POST", "/chat", Kind.CHAT),
        ("POST", "/api/chat/stream", Kind.CHAT),
        ("POST", "/v1/chat/completions", Kind.CHAT),
        ("GET", "/api/v1/documents/1/content", Kind.READ),
        ("POST", "/api/v1/documents", Kind.UPLOAD),
        ("POST", "/api/v1/documents/1/retry", Kind.UPLOAD),
        ("POST", "/api/v1/documents/delete", Kind.READ),
        ("GET", "/api/v1/documents/1/original", None),
        ("GET", "/chatter", None),
        ("GET", "/health/ready", None),
        ("GET", "/metrics", None),
        ("POST", "/admin/breakers/a", None),
        ("GET", "/api/v1/jobs/1/events", None),
    ],
)
def test_what_is_limited_together(method: str, path: str, kind: Kind | None) -> None:
    assert kind_of(method, path) is kind


async def test_a_request_too_many_is_told_when_to_come_again() -> None:
    server = Server()
    async with server.pressed_by_searches() as http:
        with capture_logs() as logs:
            answers = [await http.get("/api/v1/search") for _ in range(3)]
    assert {(one.status_code, one.json()["code"], one.headers["retry-after"]) for one in answers} == {
        (503, "overloaded", "1")
    }
    assert all(one.json()["request_id"] == one.headers["x-request-id"] for one in answers)
    assert [log["event"] for log in logs] == ["overloaded"], "one line for all of them"
    assert 'rag_requests_shed_total{kind="search"} 3.0' in server.metrics.scrape().decode()


async def test_uploads_give_way_to_searches_and_health_to_nothing() -> None:
    server = Server()
    async with server.pressed_by_searches() as http:
        upload = await http.post("/api/v1/documents", json={})
        assert (upload.status_code, upload.headers["retry-after"], upload.headers["connection"]) == (503, "5", "close")
        assert (await http.get("/health/live")).status_code == 200


class NotingGate(Gate):
    """Remembers who might wait."""

    might_wait: ClassVar[list[bool]] = []

    async def enter(self, *, may_wait: bool = True) -> bool:
        self.might_wait.append(may_wait)
        return await super().enter(may_wait=may_wait)


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        (KEY, True),
        ({"Authorization": f"Bearer {KEY['X-API-Key']}"}, True),
        ({"X-API-Key": "made up"}, False),
        ({"Authorization": "Bearer made-up"}, False),
        ({"Authorization": "Basic YW55"}, False),
        ({}, False),
    ],
)
async def test_under_pressure_only_a_known_key_waits(headers: dict[str, str], waits: bool) -> None:
    server = Server()
    gate = server.gates[Kind.SEARCH] = NotingGate(AdaptiveLimit(LimitRules(1, 1, 1, 2.0)))
    async with server.pressed_by_searches():
        gate.might_wait.clear()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url="http://test") as http:
            assert (await http.get("/api/v1/search", headers=headers)).status_code == 503
    assert gate.might_wait == [waits]


class NotingLimit(AdaptiveLimit):
    """Remembers what it was told of times."""

    told: ClassVar[list[float]] = []

    def observe(self, seconds: float, at_once: int) -> None:
        self.told.append(seconds)
        super().observe(seconds, at_once)


@pytest.mark.parametrize(("speaks", "counts"), [(True, 2.0), (False, 62.0)])
async def test_an_answer_that_a_model_writes_counts_until_it_begins(speaks: bool, counts: float) -> None:
    now = 0.0

    async def answer() -> str:
        nonlocal now
        now += 2
        if speaks:
            speak()
        now += 60
        return "a long one"

    app, limit = FastAPI(), NotingLimit(LimitRules(1, 1, 1, 2.0))
    limit.told.clear()
    app.add_middleware(Overload, {Kind.CHAT: Gate(limit)}, Metrics(), clock=lambda: now)
    app.add_middleware(RequestEnvelope)
    app.add_api_route("/chat", answer)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        assert (await http.get("/chat")).status_code == 200
    assert limit.told == [counts]


async def test_strangers_do_not_wait_while_there_are_too_many() -> None:
    server = Server()
    async with server.pressed_by_searches():
        gate = server.gates[Kind.SEARCH]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url="http://test") as stranger:
            refused = await stranger.get("/api/v1/search")
        assert refused.status_code == 503
        assert gate.at_once == 1


async def test_a_place_comes_free_after_a_crash_too() -> None:
    server = Server()

    async def crash() -> None:
        raise ValueError

    server.app.add_api_route("/v1/embeddings", crash)
    transport = httpx.ASGITransport(server.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        assert [(await http.get("/v1/embeddings")).status_code for _ in range(3)] == [500, 500, 500]
    assert server.gates[Kind.SEARCH].at_once == 0


async def refused() -> None:
    raise HTTPException(401)


async def kept() -> str:
    spare()
    return "from the cache"


@pytest.mark.parametrize("quick", [refused, kept])
async def test_nobody_learns_from_quick_answers_how_long_work_takes(quick: Callable[[], Awaitable[object]]) -> None:
    """Else fifteen requests without a key, or from the cache, would make all real work look slow: none is let in."""
    server, learned = Server(), AdaptiveLimit(LimitRules(1, 8, 8, 1.3))
    server.gates[Kind.SEARCH].limit = learned
    server.app.add_api_route("/v1/embeddings", quick)
    async with server.client() as http:
        for _ in range(15):
            await http.get("/v1/embeddings")
    for _ in range(15):
        learned.observe(0.5, 8)
    assert learned.current == 8


async def test_the_limit_is_shown_before_anybody_came() -> None:
    server = Server()
    async with server.client() as http:
        await http.get("/health/live")
    assert 'rag_concurrency_limit{kind="chat"} 1.0' in server.metrics.scrape().decode()


class AidedServer(Server):
    """Chat asks models of somebody else's: for one more at a time there is time without them."""

    def __init__(self) -> None:
        super().__init__()
        self.unaided = Gate(AdaptiveLimit(LimitRules(1, 1, 1, 2.0)), patience=0.01)
        self.gates[Kind.CHAT].patience = 0.01
        self.app.user_middleware.clear()
        self.app.add_middleware(
            Overload, gates=self.gates, metrics=self.metrics, unaided_gates={Kind.CHAT: self.unaided}
        )
        self.app.add_middleware(RequestEnvelope)

    async def answer(self) -> str:
        await super().answer()
        return "unaided" if is_unaided() else "done"


async def test_who_finds_no_place_beside_those_who_wait_for_a_model_is_answered_without() -> None:
    server = AidedServer()
    async with server.client() as http:
        first = asyncio.create_task(http.post("/chat"))
        await server.asked.wait()
        second = asyncio.create_task(http.post("/chat"))
        async with asyncio.timeout(5):
            while server.unaided.at_once == 0:  # noqa: ASYNC110 - the gate has no event for it
                await asyncio.sleep(0.005)
        # Those who wait for a model do not keep files out; once this process has no time left, nobody more gets in.
        upload = asyncio.create_task(http.post("/api/v1/documents", json={}))
        third = await http.post("/chat")
        assert (third.status_code, third.json()["code"]) == (503, "overloaded")
        server.released.set()
        assert [(await one).json() for one in (first, second, upload)] == ["done", "unaided", "done"]
    assert (server.gates[Kind.CHAT].at_once, server.unaided.at_once) == (0, 0)
    assert not is_unaided()
