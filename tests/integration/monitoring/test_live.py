"""No rule and no panel is dead: what each asks for is in a live scrape, and a real Prometheus answers every panel."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench import loopback
from ragkeeper.core.metrics import TABLE
from ragkeeper.operations.alerts.conditions import UP
from ragkeeper.operations.alerts.expressions import Quantile, Select
from ragkeeper.operations.alerts.models import USER_PATHS
from ragkeeper.operations.monitoring.dashboards import dashboards
from ragkeeper.operations.monitoring.models import Plan, Receivers
from ragkeeper.operations.monitoring.panels import Query, promql
from tests.acceptance.background import in_background
from tests.acceptance.guides.test_answers import fill, provider
from tests.acceptance.server import Server, add_text, serving, wait_for
from tests.contract.cache.server import redis_server
from tests.contract.chat.standin import Behaviour, StandIn
from tests.contract.jobs.server import postgres_server
from tests.integration.monitoring.cases import ALERTS, TARGETS
from tests.integration.monitoring.labels import Sample, not_filled, not_grouped_by, parts, without_bucket
from tests.integration.monitoring.stack import Stack, of_all_servers, programs, watching

PLAN = Plan(ALERTS, TARGETS, USER_PATHS, "localhost:9093", Receivers(), "https://example.org/operate", Path("/x"))
PANELS = [panel for board in dashboards(PLAN) for panel in board.panels]
QUERIES = [query for panel in PANELS for query in panel.queries]
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("monitoring")]


@dataclass
class Live:
    server: Server
    stack: Stack

    def scrape(self) -> list[Sample]:
        families = text_string_to_metric_families(self.server.http.get("/metrics").text)
        return [(sample.name, sample.labels) for family in families for sample in family.samples]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, require_binary: Callable[[str], Path]) -> Iterator[Live]:
    """A server that was used in every way that a rule or panel looks at."""
    folder = tmp_path_factory.mktemp("live")
    found = programs(require_binary)
    redis = redis_server(require_binary("redis-server"), folder / "redis")
    postgres = postgres_server(require_binary("postgres"))
    pieces = ("Alan ", "Turing ", "wrote ", "it ", "[1].")
    with in_background(StandIn(pieces)) as model, redis as cache, postgres as record:
        settings = {**provider(model), "REDIS_URL": cache.url, "RAG_USE_CACHE": "true"}
        settings |= {"RAG_JOBS_DATABASE_URL": record.database("jobs")}
        with serving(folder / "server", settings) as server:
            address = server.environment["RAG_PORT"]
            with watching(found, folder, [f"127.0.0.1:{address}"], "--time-scale=0.02") as stack:
                fill(server)
                for number in range(30):
                    use(server, model, number)
                    if number % 5 == 0:
                        wait_for(lambda: bool(stack.query("up == 1")))
                server.run("doctor", "index", check=False)
                wait_for(lambda: bool(stack.query('rate(http_requests_total{status="500"}[30s]) > 0')))
                wait_for(lambda: bool(stack.query("rag_index_orphans >= 0")))
                wait_for(lambda: bool(stack.query("pg_database_size_bytes > 0")))
                yield Live(server, stack)


def use(server: Server, model: StandIn, number: int) -> None:
    """Something of everything, also of what goes wrong."""
    model.behave(Behaviour.STATUS if number % 6 == 5 else Behaviour.REPLY, status=500)
    server.http.post("/chat", json={"message": f"Who was Alan Turing, number {number}?"})
    server.http.post("/chat/stream", json={"message": f"Who was he, number {number}?"})
    server.http.get("/api/v1/search", params={"query": f"turing {number}"})
    add_text(server, f"Note {number}", f"Note number {number} tells of machines and of numbers.")
    if number % 3 == 0:
        fail_once(server)


def fail_once(server: Server) -> None:
    with sqlite3.connect(server.folder / "data" / "ragkeeper.db", timeout=30) as truth:
        truth.execute("ALTER TABLE sources RENAME TO misplaced")
    server.http.get("/api/v1/sources")
    with sqlite3.connect(server.folder / "data" / "ragkeeper.db", timeout=30) as truth:
        truth.execute("ALTER TABLE misplaced RENAME TO sources")


def test_every_series_that_a_rule_or_panel_reads_is_in_a_scrape(live: Live):
    scrape = live.scrape()
    assert [lack for select in selects() if (lack := missing(select, scrape))] == []


def test_a_series_that_nobody_exports_is_found(live: Live):
    from_table = next(one for one in TABLE if one.name == "rag_answers_total")
    scrape = live.scrape()
    assert missing(Select(from_table, (), "_sum"), scrape)
    asked = next(select for select in selects() if select.where)
    wrong = type(asked.where[0])(asked.where[0].label, ("never",))
    assert missing(Select(asked.metric, (wrong,), asked.suffix), scrape)


def test_every_label_that_is_grouped_by_or_written_is_in_a_scrape(live: Live):
    scrape = live.scrape()
    asked = [*(alert.condition.expression for alert in ALERTS), *(query.asks for query in QUERIES)]
    assert [lack for one in asked if (lack := not_grouped_by(one, scrape))] == []
    texts = [(one.condition.expression, text) for one in ALERTS for text in (one.summary, one.description)]
    texts += [(query.asks, query.legend) for query in QUERIES]
    assert [(text, lack) for one, text in texts if (lack := not_filled(text, one, scrape))] == []


def test_every_limit_of_a_quantile_is_a_bucket_in_a_scrape(live: Live):
    scrape = live.scrape()
    asked = [(one.title, one.condition.expression, ()) for one in ALERTS]
    asked += [(panel.title, query.asks, panel.limits) for panel in PANELS for query in panel.queries]
    assert [(title, lack) for title, one, limits in asked if (lack := without_bucket(one, limits, scrape))] == []


def test_labels_and_buckets_that_nobody_exports_are_found(live: Live):
    scrape = live.scrape()
    [loud] = [one for one in ALERTS if one.title == "HighResponseTime.warning"]
    shown = next(part for part in parts(loud.condition.expression) if isinstance(part, Quantile))
    assert not_grouped_by(replace(shown, of=replace(shown.of, by=("le", "colour"))), scrape) == ["colour"]
    assert not_filled("{{path}}", shown, scrape) == ["path"], "it is not grouped by that"
    [down] = [one for one in ALERTS if one.name == "OllamaDown"]
    assert not_filled("{provider} in {colour}", down.condition.expression, scrape) == ["colour"]
    assert without_bucket(replace(loud.condition, threshold=2.1).expression, (), scrape) == [2.1]  # type: ignore[type-var]
    assert without_bucket(shown, (2, 1e6), scrape) == [1e6]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.legend)
def test_every_panel_is_answered(live: Live, query: Query):
    """By a number, but where that there is nothing is good news."""
    found = live.stack.query(of_all_servers(promql(query)).replace("[1h]", "[1m]").replace("[5m]", "[1m]"))
    assert found
    assert [one for one in found if one["value"][1] != "NaN"] or query.quiet


def test_users_wait_on_routes_that_exist(live: Live):
    answers = {path: live.server.http.post(path, json={}).status_code for path in USER_PATHS}
    assert [path for path, status in answers.items() if status in {404, 405}] == []


def test_every_rule_is_loaded_and_can_be_evaluated(live: Live):
    groups = loopback.get(f"{live.stack.prometheus}/api/v1/rules", 10).json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == len(ALERTS)
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


def test_what_the_dashboards_hold_can_be_parsed(live: Live):
    folder = live.stack.folder / "export" / "grafana" / "dashboards"
    titles = {json.loads(path.read_text(encoding="utf-8"))["title"] for path in folder.glob("*.json")}
    assert titles == {"RAG Interface System", "RAG System Overview", "ragkeeper"}


def selects() -> set[Select]:
    asked = chain((alert.condition.expression for alert in ALERTS), (query.asks for query in QUERIES))
    return {select for expression in asked for select in expression.selects() if select.metric is not UP}


def missing(select: Select, scrape: list[Sample]) -> str:
    """What of it the scrape lacks: the metric, a label, or every value (or bucket) that is asked for."""
    series = [labels for name, labels in scrape if name == select.name]
    if not series:
        return f"{select.name} is not exported"
    for match in select.where:
        if not all(match.label in labels for labels in series):
            return f"{select.name} has no label {match.label}"
        values = {labels[match.label] for labels in series}
        wanted = [one for one in match.values if one not in values]
        if not match.pattern and not match.negated and wanted and match.label != "path":
            return f"{select.name} has no {match.label}={wanted}"
    if not any(select.holds(labels) for labels in series):
        return f"{select.name} has no series with {select.where}"
    return ""
