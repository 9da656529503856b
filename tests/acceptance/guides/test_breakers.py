"""A breaker before each model provider, proven against a stand-in for a model server that fails as told."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from ragkeeper.core.settings import Settings
from ragkeeper.providers.chat.errors import ChatBreakerOpen, ChatUnavailable
from ragkeeper.providers.chat.guarded import GuardedChat
from ragkeeper.providers.chat.openai_compatible import OpenAICompatibleChat
from ragkeeper.providers.chat.port import ChatMessage
from ragkeeper.providers.resilience.models import BreakerPolicy, Outcome, State
from tests.acceptance.background import in_background
from tests.acceptance.guides.texts import lighthouse
from tests.acceptance.server import Server, add_text, serving, wait_for, wait_until_ready
from tests.contract.chat.standin import Behaviour, StandIn
from tests.contract.guarding import guard
from tests.waiting import until

QUESTION = "What was rung on foggy nights at the lighthouse?"
SOON = {"RAG_BREAKER_OPEN_SECONDS": "1"}


@contextmanager
def asked(folder: Path, model: StandIn, **settings: str) -> Iterator[Server]:
    """A server with a provider `groq`, which is the stand-in."""
    environment = {
        "RAG_LLM_PROVIDERS": "groq",
        "RAG_LLM_GROQ_BASE_URL": model.base_url,
        "RAG_LLM_GROQ_MODEL": "tiny",
        **settings,
    }
    with serving(folder, environment) as server:
        wait_until_ready(server, [add_text(server, f"L {number}", lighthouse(number)) for number in range(4)])
        yield server


def ask(server: Server) -> httpx.Response:
    return server.http.post("/chat", json={"message": QUESTION})


def modes(server: Server, times: int) -> list[str]:
    return [ask(server).json()["mode"] for _ in range(times)]


def fail(server: Server, model: StandIn, times: int = 5, status: int = 503) -> None:
    model.behave(Behaviour.STATUS, status=status)
    assert modes(server, times) == ["extractive"] * times


def state(server: Server, name: str = "groq:chat") -> dict[str, Any]:
    return dict(next(one for one in server.http.get("/admin/breakers").json() if one["name"] == name))


def scraped(server: Server, metric: str) -> dict[str, float]:
    """The values of a metric by their labels, as one scrape shows them."""
    lines = server.http.get("/metrics").text.splitlines()
    split = [line.rpartition(" ") for line in lines if line.startswith(f"{metric}{{")]
    return {labels.removeprefix(metric): float(value) for labels, _, value in split}


def gauge(server: Server) -> float:
    [value] = scraped(server, "rag_circuit_breaker_state").values()
    return value


@pytest.mark.timeout(120)
def test_g2_022_closed_it_lets_calls_run_side_by_side(tmp_path: Path, model: StandIn):
    with asked(tmp_path, model) as server:
        assert gauge(server) == 0
        modes(server, 1)
        model.delay, model.most_at_once = 1.0, 0
        began = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: ask(server).json()["mode"], range(4)))
        took = time.monotonic() - began
    assert found == ["full"] * 4
    assert model.most_at_once == 4
    assert took < 2, "in a row they take 4 seconds"


@pytest.mark.timeout(120)
def test_g2_023_open_it_lets_no_call_through_and_answers_at_once(tmp_path: Path, model: StandIn):
    with asked(tmp_path, model) as server:
        fail(server, model)
        calls = len(model.times)
        answers = [ask(server).json() for _ in range(5)]
        assert len(model.times) == calls
        assert [answer["mode"] for answer in answers] == ["extractive"] * 5
        lost = [answer["timings_ms"]["generate"] for answer in answers]
        assert max(lost) < 200, "what the open breaker cost"
    with asked(tmp_path / "off", model, RAG_EXTRACTIVE_FALLBACK="false") as server:
        for _ in range(5):
            assert ask(server).status_code == 503
        calls = len(model.times)
        refused = ask(server)
        assert (refused.status_code, refused.json()["code"]) == (503, "chat_breaker_open")
        assert 1 <= int(refused.headers["retry-after"]) <= 30
        assert len(model.times) == calls


async def test_g2_024_half_open_it_admits_three_calls_of_a_thousand():
    question = [ChatMessage("user", "Hi")]
    async with StandIn() as model:
        watched = guard("groq", "chat", policy=BreakerPolicy(open_seconds=0.05))
        client = OpenAICompatibleChat(name="groq", base_url=model.base_url, api_key="", model="tiny")
        chat = GuardedChat(client, watched)

        async def call() -> str:
            return "".join([piece async for piece in chat.stream(question, max_tokens=9, temperature=0)])

        model.behave(Behaviour.STATUS, status=500)
        for _ in range(5):
            with pytest.raises(ChatUnavailable):
                await call()
        model.behave(Behaviour.HANG_AFTER_FIRST)
        await asyncio.sleep(0.06)
        for _ in range(2):
            model.most_at_once = 0
            calls = [asyncio.create_task(call()) for _ in range(1000)]
            refused = 0
            while refused < 997:
                done, running = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
                assert {type(one.exception()) for one in done} == {ChatBreakerOpen}
                calls, refused = list(running), refused + len(done)
            await asyncio.wait(calls, timeout=0.3)
            assert model.most_at_once == 3
            for one in calls:
                one.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            assert watched.breaker.state is State.HALF_OPEN
            await until(lambda: model.running == 0)
        await chat.close()


@pytest.mark.timeout(180)
def test_g2_025_failures_open_it_and_the_callers_own_mistakes_do_not(tmp_path: Path, model: StandIn):
    def closed_again() -> None:
        server.http.post("/admin/breakers/groq", json={"act": "close"})

    def mixed(times: int, *statuses: int) -> int:
        """How many calls it takes until the breaker opens, or all."""
        for number in range(times):
            status = statuses[number % len(statuses)]
            behaviour = Behaviour.REPLY if status == 200 else Behaviour.STATUS
            model.behave(behaviour, status=status, headers={"retry-after": "0"})
            ask(server)
            if gauge(server) == 1:
                return number + 1
        return times

    with asked(tmp_path, model) as server:
        assert mixed(100, 503) == 5
        closed_again()
        assert mixed(5, 503, 503, 503, 503, 200) == 5
        assert gauge(server) == 0
        closed_again()
        assert 5 < mixed(100, 503, 503, 503, 503, 200) < 100
        assert state(server)["cause"] == "failure_rate"
        for status in (400, 429):
            closed_again()
            assert mixed(50, status) == 50
            assert gauge(server) == 0


@pytest.mark.timeout(120)
def test_g2_026_it_waits_half_a_minute_of_monotonic_time_and_longer_each_time(
    tmp_path: Path, model: StandIn, monkeypatch: pytest.MonkeyPatch
):
    assert Settings().breaker_open_seconds == 30
    with asked(tmp_path, model) as server:
        fail(server, model)
        found = state(server)
        wait = datetime.fromisoformat(found["next_try"]) - datetime.fromisoformat(found["since"])
        assert timedelta(seconds=26.9) < wait <= timedelta(seconds=30.1)
    with asked(tmp_path / "soon", model, **SOON) as server:
        fail(server, model)
        waits = []
        for _ in range(3):
            began = time.monotonic()
            wait_for(lambda: state(server)["breaker"] == "half_open")
            waits.append(time.monotonic() - began)
            modes(server, 1)
        assert waits[0] < waits[1] < waits[2]
    watched = guard("groq", "chat", policy=BreakerPolicy(open_seconds=0.3))
    asyncio.run(_opened_and_the_clock_set_back(watched.breaker, monkeypatch))


async def _opened_and_the_clock_set_back(breaker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        await breaker.settle(await breaker.admit(), Outcome.FAILURE)
    real = time.time()
    monkeypatch.setattr(time, "time", lambda: real - 3600)
    assert breaker.state is State.OPEN
    await asyncio.sleep(0.35)
    assert breaker.state is State.HALF_OPEN
    monkeypatch.undo()


@pytest.mark.timeout(120)
def test_g2_027_three_good_trial_calls_close_it(tmp_path: Path, model: StandIn):
    with asked(tmp_path, model, **SOON) as server:
        fail(server, model)
        wait_for(lambda: gauge(server) == 2)
        model.behave(Behaviour.REPLY)
        seen = []
        for _ in range(3):
            assert modes(server, 1) == ["full"]
            seen.append(gauge(server))
        assert seen == [2, 2, 0]
        assert modes(server, 5) == ["full"] * 5


@pytest.mark.timeout(120)
def test_g2_028_one_bad_trial_call_opens_it_again(tmp_path: Path, model: StandIn):
    with asked(tmp_path, model, **SOON) as server:
        fail(server, model)
        wait_for(lambda: gauge(server) == 2)
        model.behave(Behaviour.REPLY)
        assert modes(server, 1) == ["full"]
        fail(server, model, times=1)
        assert gauge(server) == 1
        calls = len(model.times)
        assert modes(server, 1) == ["extractive"]
        assert len(model.times) == calls


@pytest.mark.timeout(120)
def test_g2_029_its_state_is_a_gauge_from_the_start(tmp_path: Path, model: StandIn):
    with asked(tmp_path, model, **SOON) as server:
        labels = '{model="tiny",operation="chat",provider="groq"}'
        assert scraped(server, "rag_circuit_breaker_state") == {labels: 0}
        fail(server, model)
        assert gauge(server) == 1
        time.sleep(1.1)
        assert gauge(server) == 2


@pytest.mark.timeout(120)
def test_g2_030_its_changes_are_counted(tmp_path: Path, model: StandIn):
    with asked(tmp_path, model) as server:
        name, before = "rag_circuit_breaker_transitions_total", 0.0
        assert sum(scraped(server, name).values()) == 0
        for _ in range(3):
            server.run("breaker", "open", "groq")
            server.run("breaker", "close", "groq")
        for _ in range(20):
            counted = scraped(server, name)
            assert sum(counted.values()) >= before
            before = sum(counted.values())
        ways = {labels: value for labels, value in counted.items() if value}
        assert sorted(ways.values()) == [3, 3]
        assert [labels for labels in ways if 'from="closed"' in labels and 'to="open"' in labels]
        assert [labels for labels in ways if 'from="open"' in labels and 'to="closed"' in labels]


@pytest.mark.timeout(120)
def test_g2_031_an_administrator_closes_it_without_a_restart(tmp_path: Path, model: StandIn):
    model.pieces = ("more ",)
    with asked(tmp_path, model) as server:
        model.behave(Behaviour.ENDLESS)
        with server.http.stream("POST", "/chat/stream", json={"message": QUESTION}) as stream:
            lines = stream.iter_lines()
            next(line for line in lines if line == "event: token")
            fail(server, model)
            assert gauge(server) == 1
            model.behave(Behaviour.REPLY)
            closed = server.run("breaker", "close", "groq", "--reason", "they have mended it", "--json")
            assert '"breaker": "closed"' in closed.stdout
            assert modes(server, 1) == ["full"]
            next(line for line in lines if line == "event: token")
        recorded = server.http.get("/admin/audit").json()["items"][0]
        assert (recorded["actor"], recorded["action"], recorded["subject"]) == ("local", "breaker_close", "groq:chat")
        assert recorded["details"] == {"before": "open", "reason": "they have mended it"}
        assert "breaker_close" in server.run("audit", "list").stdout
        assert server.stranger.post("/admin/breakers/groq", json={"act": "open"}).status_code == 401
        server.run("breaker", "open", "groq")
    with asked(tmp_path, model) as server:
        assert gauge(server) == 0, "a restart begins closed"


@pytest.mark.timeout(120)
def test_g2_065_the_error_of_an_open_breaker_says_what_to_know(tmp_path: Path, model: StandIn):
    with asked(tmp_path, model, RAG_EXTRACTIVE_FALLBACK="false", **SOON) as server:
        model.behave(Behaviour.STATUS, status=503)
        began = datetime.now(UTC)
        for _ in range(5):
            ask(server)
        refused = ask(server)
        body = refused.json()
        assert (refused.status_code, body["code"], body["provider"]) == (503, "chat_breaker_open", "groq")
        since, next_try = datetime.fromisoformat(body["since"]), datetime.fromisoformat(body["next_try"])
        assert began - timedelta(seconds=1) <= since <= next_try <= datetime.now(UTC) + timedelta(seconds=1)
        assert body["since"] in body["detail"]
        assert "ragkeeper breaker close groq" in body["fix"]
        assert 1 <= int(refused.headers["retry-after"]) <= 30
        model.behave(Behaviour.REPLY)
        time.sleep(int(refused.headers["retry-after"]))
        assert ask(server).status_code == 200
    page = Path(__file__).parents[3] / "docs/operate/model-provider-fails.md"
    assert "ragkeeper breaker close" in page.read_text(encoding="utf-8")


@pytest.mark.timeout(120)
def test_g3_009_each_provider_is_shown_as_its_calls_showed_it(tmp_path: Path, model: StandIn):
    with in_background(StandIn()) as second:
        more = {
            "RAG_LLM_PROVIDERS": "groq,local",
            "RAG_LLM_GROQ_STATUS_PAGE": "https://status.example.org",
            "RAG_LLM_LOCAL_BASE_URL": second.base_url,
            "RAG_LLM_LOCAL_MODEL": "tiny",
        }
        with asked(tmp_path, model, **more) as server:
            unknown = server.http.get("/health/detailed").json()["providers"]
            assert [one["state"] for one in unknown.values()] == ["unknown", "unknown"]
            assert modes(server, 1) == ["full"]
            model.behave(Behaviour.STATUS, status=503)
            assert modes(server, 6) == ["fallback_model"] * 6
            calls = len(model.times) + len(second.times)
            shown = server.http.get("/health/detailed").json()["providers"]
            status = server.http.get("/status").json()["providers"]
            listed = server.run("status").stdout
            assert len(model.times) + len(second.times) == calls
        broken, well = shown["groq:chat"], shown["local:chat"]
        assert (broken["state"], well["state"]) == ("down", "ok")
        assert broken["last_success"] is not None
        assert broken["last_failure_reason"]
        assert broken["status_page"] == "https://status.example.org"
        assert 0.5 < broken["error_rate"] < 1
        assert well["latency_p50"] >= 0
        assert status["groq:chat"]["state"] == "down"
        assert re.search(r"^groq:chat +down +open .*https://status\.example\.org", listed, re.MULTILINE)


class Minute:
    """What a server with a limit of 28 did in a little more than a minute."""

    left: list[float]
    answered: dict[str, int]


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Minute, StandIn]]:
    seen = Minute()
    with in_background(StandIn()) as model:
        settings = {"RAG_LLM_GROQ_REQUESTS_PER_MINUTE": "28", "RAG_MODEL_QUEUE_SECONDS": "1"}
        with asked(tmp_path_factory.mktemp("minute"), model, **settings) as server:
            left: Callable[[], list[float]] = lambda: list(scraped(server, "rag_rate_limit_remaining").values())  # noqa: E731
            seen.left = left()
            assert modes(server, 10) == ["full"] * 10
            seen.left += left()
            found = modes(server, 50)
            seen.answered = {mode: found.count(mode) for mode in ("full", "extractive")}
            wait_for(lambda: left() == [28.0], 90)
            seen.left += left()
            assert modes(server, 10) == ["full"] * 10
        yield seen, model


@pytest.mark.timeout(180)
def test_g2_063_no_more_calls_a_minute_reach_the_provider_than_are_set(minute: tuple[Minute, StandIn]):
    seen, model = minute
    assert seen.answered == {"full": 18, "extractive": 32}
    assert len(model.times) == 38
    assert all(later - earlier > 60 for earlier, later in zip(model.times, model.times[28:], strict=False))


@pytest.mark.timeout(180)
def test_g2_064_the_calls_that_are_left_are_a_gauge(minute: tuple[Minute, StandIn]):
    seen, _ = minute
    assert seen.left == [28, 18, 28]
