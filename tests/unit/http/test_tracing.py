import asyncio

import httpx
from fastapi import FastAPI

from ragkeeper.core.telemetry import Stopwatch
from ragkeeper.core.tracing import Trace
from ragkeeper.http.tracing import Tracing


def client(finished: list[Trace]) -> httpx.AsyncClient:
    app = FastAPI()
    app.add_middleware(Tracing, paths={"/chat", "/broken", "/quiet"}, finished=finished.append)

    async def stage(name: str) -> None:
        with Stopwatch().stage(name):
            await asyncio.sleep(0.01)

    @app.get("/chat")
    async def chat() -> int:
        await stage("search")
        await asyncio.create_task(stage("generate"))
        return 1

    @app.get("/broken")
    async def broken() -> None:
        await stage("search")
        raise OSError

    @app.get("/quiet")
    async def quiet() -> int:
        return 1

    @app.get("/other")
    async def other() -> int:
        await stage("search")
        return 1

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def test_a_question_is_a_trace_of_its_stages():
    finished: list[Trace] = []
    async with client(finished) as http:
        await http.get("/chat")
    [trace] = finished
    assert [span.name for span in trace.spans] == ["search", "generate"]
    assert all(trace.began <= span.began < span.ended <= trace.ended for span in trace.spans)
    assert trace.spans[0].ended - trace.spans[0].began >= 10_000_000
    assert (trace.name, trace.failed, trace.attributes["http.response.status_code"]) == ("GET /chat", False, 200)


async def test_questions_at_the_same_time_are_told_apart():
    finished: list[Trace] = []
    async with client(finished) as http:
        await asyncio.gather(*(http.get("/chat") for _ in range(5)))
    assert [len(trace.spans) for trace in finished] == [2] * 5
    assert len({trace.id for trace in finished}) == 5


async def test_it_joins_the_trace_of_who_asks():
    finished: list[Trace] = []
    async with client(finished) as http:
        await http.get("/chat", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
        await http.get("/chat", headers={"traceparent": f"00-{'0' * 32}-{'b' * 16}-01"})
    assert (finished[0].id, finished[0].parent) == ("a" * 32, "b" * 16)
    assert finished[1].parent == ""


async def test_only_questions_are_traced():
    finished: list[Trace] = []
    async with client(finished) as http:
        for path in ("/other", "/quiet"):
            await http.get(path)
    assert finished == []


async def test_a_crash_is_told():
    finished: list[Trace] = []
    async with client(finished) as http:
        assert (await http.get("/broken")).status_code == 500
    [trace] = finished
    assert (trace.failed, [span.name for span in trace.spans]) == (True, ["search"])
