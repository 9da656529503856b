"""What the guides promise of caches, proven against a stand-in for a model server and a Redis of the tests' own."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.guides.texts import lighthouse
from tests.acceptance.server import Server, add_text, events, serving, wait_for, wait_until_ready
from tests.contract.cache.server import RedisServer, redis_server
from tests.contract.chat.standin import StandIn

QUESTION = "What was rung on foggy nights at the lighthouse?"
PASSWORD = "only-the-tests-know-this-one"  # noqa: S105 - of a server that lives for one test
ON = {"RAG_USE_CACHE": "true"}


@pytest.fixture
def redis(require_binary: Callable[[str], Path], tmp_path: Path) -> Iterator[RedisServer]:
    options = ("--enable-debug-command", "yes")
    with redis_server(require_binary("redis-server"), tmp_path / "redis", PASSWORD, options) as server:
        yield server


def provider(model: StandIn) -> dict[str, str]:
    return {
        "RAG_LLM_PROVIDERS": "standin",
        "RAG_LLM_STANDIN_BASE_URL": model.base_url,
        "RAG_LLM_STANDIN_MODEL": "tiny",
    }


def fill(server: Server) -> list[str]:
    """Eight lighthouses; the bell is in number 7."""
    documents = [add_text(server, f"L {number}", lighthouse(number)) for number in range(8)]
    wait_until_ready(server, documents)
    # What is asked from here on is asked of an index that holds them all.
    wait_for(lambda: server.http.get("/status").json()["index"]["waiting_changes"] == 0)
    return documents


def ask(server: Server, question: str = QUESTION) -> dict[str, object]:
    answer = server.http.post("/chat", json={"message": question})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def search(server: Server) -> dict[str, object]:
    found = server.http.post("/api/v1/search", json={"query": QUESTION})
    assert found.status_code == 200, found.text
    return dict(found.json())


def counted(server: Server, name: str, kind: str) -> float:
    lines = server.http.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f'{name}{{kind="{kind}"}}'))


def of_kind(server: Server, kind: str) -> dict[str, float]:
    kinds = server.http.get("/admin/cache").json()["kinds"]
    return next(one for one in kinds if one["kind"] == kind)


@pytest.mark.timeout(120)
def test_g3_060_equal_questions_come_from_the_cache_when_it_is_on(tmp_path: Path, model: StandIn):
    for switch, calls in (("true", 1), ("false", 2)):
        with serving(tmp_path / switch, {**provider(model), "RAG_USE_CACHE": switch}) as server:
            fill(server)
            asked = len(model.requests)
            first, second = ask(server), ask(server)
            assert len(model.requests) - asked == calls
            assert [first["cached"], second["cached"]] == [False, switch == "true"]
            searched = [search(server)["cached"] for _ in range(2)]
            assert searched[1] is (switch == "true")
            told = [counted(server, name, "answer") for name in ("rag_cache_hits_total", "rag_cache_misses_total")]
            assert told == ([1, 1] if switch == "true" else [0, 0])
            entries = sum(kind["entries"] for kind in server.http.get("/admin/cache").json()["kinds"])
            assert (entries > 0) is (switch == "true")


@pytest.mark.timeout(120)
def test_g2_043_hits_and_misses_are_counted_by_kind(tmp_path: Path, model: StandIn):
    with serving(tmp_path, {**provider(model), **ON}) as server:
        fill(server)
        before = [counted(server, name, "answer") for name in ("rag_cache_hits_total", "rag_cache_misses_total")]
        ask(server), ask(server)
        after = [counted(server, name, "answer") for name in ("rag_cache_hits_total", "rag_cache_misses_total")]
        assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1]


@pytest.mark.timeout(120)
def test_g4_048_searches_live_an_hour_unless_it_is_said(tmp_path: Path):
    with serving(tmp_path / "default", ON) as server:
        fill(server)
        first, second = search(server), search(server)
        assert [first["cached"], second["cached"]] == [False, True]
        assert second["results"] == first["results"]
        assert 3500 < of_kind(server, "search")["longest_seconds"] <= 3600
        shown = server.run("cache", "stats").stdout
        assert "search" in shown
    with serving(tmp_path / "short", {**ON, "RAG_CACHE_SEARCH_SECONDS": "2"}) as server:
        fill(server)
        assert [search(server)["cached"] for _ in range(2)] == [False, True]
        time.sleep(3)
        assert search(server)["cached"] is False


@pytest.mark.timeout(120)
def test_g4_050_answers_live_two_hours_and_say_that_they_are_cached(tmp_path: Path, model: StandIn, redis: RedisServer):
    shared = {"REDIS_URL": redis.url, "REDIS_PASSWORD": PASSWORD}
    with serving(tmp_path / "default", {**provider(model), **ON, **shared}) as server:
        fill(server)
        asked = len(model.requests)
        first, second = ask(server), ask(server)
        assert len(model.requests) - asked == 1
        assert [first["cached"], second["cached"]] == [False, True]
        assert (second["answer"], second["citations"]) == (first["answer"], first["citations"])
        assert 7100 < of_kind(server, "answer")["longest_seconds"] <= 7200
        [name] = [name for name in redis.names() if name.startswith("llm_response:")]
        assert len(name) > len("llm_response:") + 32
        streamed = server.http.post("/chat/stream", json={"message": QUESTION})
        assert len(model.requests) - asked == 1
        sent = events(streamed.text)
        assert [name for name, _ in sent] == ["status", "sources", "status", "token", "citations", "done"]
        assert sent[-1][1]["cached"] is True
        assert PASSWORD not in server.log
    with serving(tmp_path / "short", {**provider(model), **ON, **shared, "RAG_CACHE_ANSWER_SECONDS": "2"}) as server:
        fill(server)
        assert [ask(server)["cached"] for _ in range(2)] == [False, True]
        time.sleep(3)
        assert ask(server)["cached"] is False


@pytest.mark.timeout(180)
def test_g4_051_what_is_deleted_is_out_of_every_cache_at_once(tmp_path: Path, model: StandIn, redis: RedisServer):
    model.pieces = ("A bell of pure silver was rung by hand [1].",)
    shared = {"REDIS_URL": redis.url, "REDIS_PASSWORD": PASSWORD}
    with serving(tmp_path, {**provider(model), **ON, **shared}) as server:
        document = fill(server)[7]
        assert [ask(server)["cached"] for _ in range(2)] == [False, True]
        assert [search(server)["cached"] for _ in range(2)][1] is True
        redis.ask("DEBUG", "POPULATE", "1000000", "vector_search", "64")
        began = time.monotonic()
        receipt = server.http.delete(f"/api/v1/documents/{document}")
        assert time.monotonic() - began < 1
        assert receipt.status_code == 200
        found, answer = search(server), ask(server)
        assert (found["cached"], answer["cached"]) == (False, False)
        assert document not in str(found["results"])
        assert document not in str(answer["citations"])
        # What nobody is given any more is removed as well, in the background; all of it would take a minute.
        wait_for(lambda: int(redis.ask("DBSIZE")[1:]) < 900_000)


@pytest.mark.timeout(180)
def test_without_redis_work_goes_on_and_returns_by_itself(tmp_path: Path, redis: RedisServer):
    shared = {"REDIS_URL": redis.url, "REDIS_PASSWORD": PASSWORD}
    with serving(tmp_path, {**ON, **shared}) as server:
        fill(server)
        assert [ask(server)["cached"] for _ in range(2)] == [False, True]
        redis.stop()
        for number in range(20):
            assert ask(server, f"{QUESTION} {number % 2}")["cached"] is (number > 1)
        wait_for(lambda: server.stranger.get("/health").json()["components"]["redis"] == "unhealthy", 15)
        assert server.stranger.get("/health").status_code == 200
        redis.start()
        wait_for(lambda: server.http.get("/admin/cache").json()["store"] == "redis", 15)
        assert [ask(server)["cached"] for _ in range(2)] == [False, True]
        assert any(name.startswith("llm_response:") for name in redis.names())
        assert server.log.count("FALLBACK ACTIVATED") == 1
        assert server.log.count("FALLBACK DEACTIVATED") == 1
        wait_for(lambda: server.stranger.get("/health").json()["components"]["redis"] == "healthy", 15)


@pytest.mark.timeout(120)
def test_g2_007_a_wrong_password_is_told_and_never_shown(tmp_path: Path, redis: RedisServer):
    wrong = f"{PASSWORD}-but-wrong"
    with serving(tmp_path, {**ON, "REDIS_URL": redis.url, "REDIS_PASSWORD": wrong}) as server:
        fill(server)
        assert [ask(server)["cached"] for _ in range(2)] == [False, True]
        wait_for(lambda: "authentication failed" in server.http.get("/health/detailed").text, 15)
        assert "authentication failed" not in server.stranger.get("/health/detailed").text
        shown = b"".join(path.read_bytes() for path in Path(f"/proc/{server.process.pid}/task").glob("*/cmdline"))
        assert shown
        assert wrong.encode() not in shown
        assert wrong not in server.log
        assert wrong not in server.http.get("/health/detailed").text


@pytest.mark.timeout(120)
def test_g4_004_redis_away_is_told_from_redis_not_configured(tmp_path: Path, redis: RedisServer):
    with serving(tmp_path / "without") as server:
        health = server.stranger.get("/health").json()
        assert (health["components"]["redis"], health["status"]) == ("not_configured", "healthy")
    with serving(tmp_path / "with", {"REDIS_URL": redis.url, "REDIS_PASSWORD": PASSWORD}) as server:
        health = server.stranger.get("/health").json()
        assert (health["components"]["redis"], health["status"]) == ("healthy", "healthy")
        redis.stop()
        wait_for(lambda: server.stranger.get("/health").json()["components"]["redis"] == "unhealthy", 15)
        health = server.stranger.get("/health")
        assert (health.json()["status"], health.status_code) == ("degraded", 200)
