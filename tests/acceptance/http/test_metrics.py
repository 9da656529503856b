"""The table of metrics against a running server."""

import random
import secrets
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ragkeeper.core.instruments import Histogram
from ragkeeper.core.metrics import TABLE
from tests.acceptance.server import Server, serving, wait_for
from tests.contract.cache.server import redis_server
from tests.contract.jobs.server import postgres_server


def test_the_table_and_a_live_scrape_are_the_same(server: Server):
    asked = server.http.post("/chat", json={"message": "How many weeks of parental leave?"})
    assert asked.status_code == 200, asked.text
    families = list(text_string_to_metric_families(server.http.get("/metrics").text))
    told = {metric.name.removesuffix("_total"): metric for metric in TABLE}
    assert {family.name: family.type for family in families} == {
        name: type(metric).__name__.lower() for name, metric in told.items()
    }
    for family in families:
        metric = told[family.name]
        for sample in family.samples:
            extra = {"le"} if sample.name.endswith("_bucket") and isinstance(metric, Histogram) else set()
            assert set(sample.labels) == {*metric.label_names, *extra}
            for label in metric.labels:
                assert not label.values or sample.labels[label.name] in {*label.values, "other"}


@pytest.mark.timeout(180)
def test_the_servers_beside_it_are_told_of(tmp_path: Path, require_binary: Callable[[str], Path]):
    with (
        redis_server(require_binary("redis-server"), tmp_path / "redis") as redis,
        postgres_server(require_binary("postgres")) as postgres,
    ):
        settings = {"REDIS_URL": redis.url, "RAG_JOBS_DATABASE_URL": postgres.database("kept_jobs")}
        with serving(tmp_path / "server", settings) as server:

            def told() -> dict[str, float]:
                families = text_string_to_metric_families(server.http.get("/metrics").text)
                samples = [sample for family in families for sample in family.samples]
                return {one.name: one.value for one in samples if one.labels in ({}, {"datname": "kept_jobs"})}

            wait_for(lambda: told().get("pg_database_size_bytes", 0) > 0, 60)
            found = told()
    assert (found["pg_up"], found["redis_up"]) == (1, 1)
    assert found["pg_stat_activity_count"] > 0
    assert found["redis_memory_used_bytes"] > 0


def test_a_path_is_told_by_its_route_only(server: Server):
    for number in range(20):
        server.http.get(f"/nowhere/{number}")
        server.http.get(f"/api/v1/documents/{number}")
    text = server.http.get("/metrics").text
    assert 'path="unknown",status="404"' in text
    assert 'path="/api/v1/documents/{document_id}",status="404"' in text
    assert "nowhere" not in text


def test_who_may_read(server: Server):
    assert server.stranger.get("/metrics").status_code == 200
    behind_a_proxy = {"X-Forwarded-For": "10.0.0.7"}
    assert server.stranger.get("/metrics", headers=behind_a_proxy).status_code == 401
    assert server.stranger.get("/metrics", headers={"Host": "evil.example"}).status_code == 401
    assert server.http.get("/metrics", headers=behind_a_proxy).status_code == 200


def test_prometheus_understands_the_type(server: Server):
    answer = server.http.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert httpx.codes.is_success(answer.status_code)


def test_the_number_of_series_does_not_grow_with_what_strangers_send(server: Server):
    """Paths, methods, headers, hosts, keys, bodies: whatever is made up, it makes no label's value."""

    def count() -> int:
        return len([line for line in server.http.get("/metrics").text.splitlines() if not line.startswith("#")])

    def send(number: int) -> None:
        made_up = secrets.token_hex(6)
        method = random.choice(["GET", "POST", "PUT", "DELETE", "PATCH", made_up.upper()])  # noqa: S311 - no secret
        path = random.choice(  # noqa: S311 - no secret
            [f"/{made_up}", f"/api/v1/documents/{made_up}", f"/api/v1/jobs/{made_up}", f"/chat/{made_up}?x={made_up}"]
        )
        headers = {"X-API-Key": made_up, "User-Agent": made_up, "X-Request-Id": made_up, made_up: made_up}
        client = server.http if number % 3 == 0 else server.stranger
        client.request(method, path, headers={} if number % 3 == 0 else headers, content=made_up.encode())

    for number in range(300):
        send(number)
    before = count()
    for number in range(600):
        send(number)
    # Which of the few statuses a route and a method can have came up first is chance.
    assert count() - before < 60
    assert count() < 5000
