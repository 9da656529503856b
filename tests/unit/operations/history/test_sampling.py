import math

from ragkeeper.core.figures.holdings import INDEX_LAG
from ragkeeper.core.metrics import (
    ANSWERS,
    DEGRADATION_STEP,
    HTTP_REQUESTS,
    HTTP_SECONDS,
    STAGE_SECONDS,
    Metrics,
)
from ragkeeper.operations.history.models import Level
from ragkeeper.operations.history.rules import percentile
from ragkeeper.operations.history.sampling import between, read
from ragkeeper.operations.history.table import KeptCount, KeptLevel


def request(metrics: Metrics, path: str = "/api/v1/search", status: str = "200", seconds: float = 0.02) -> None:
    metrics.count(HTTP_REQUESTS, method="GET", path=path, status=status)
    metrics.observe(HTTP_SECONDS, seconds, method="GET", path=path)


def test_counters_count_from_the_process_own_start():
    metrics = Metrics()
    for _ in range(3):
        request(metrics)
    first = read(metrics.families())
    assert between(None, first, 15).counts["requests"] == 3
    request(metrics, status="503")
    figures = between(first, read(metrics.families()), 15)
    assert (figures.counts["requests"], figures.counts["errors"], figures.seconds) == (1, 1, 15)
    assert figures.spreads["response_time"].count == 1
    assert figures.spreads["response_time"].counts == {0.01: 0, 0.025: 1}


def test_a_counter_that_began_anew_loses_nothing_and_invents_nothing():
    old, new = Metrics(), Metrics()
    for _ in range(100):
        request(old, seconds=1)
    request(new, seconds=0.2)
    request(new, seconds=0.2)
    figures = between(read(old.families()), read(new.families()), 15)
    assert figures.counts["requests"] == 2
    assert figures.spreads["response_time"].counts == {0.1: 0, 0.25: 2}
    assert math.isclose(figures.spreads["response_time"].total, 0.4)


def test_what_did_not_happen_yet_is_zero_and_what_is_not_there_is_unknown():
    figures = between(None, read(Metrics().families()), 15)
    assert (figures.counts["requests"], figures.counts["errors"], figures.counts["answers"]) == (0, 0, 0)
    assert "requests" not in between(None, read(Metrics([ANSWERS]).families()), 15).counts


def test_probes_and_scrapes_are_no_requests():
    metrics = Metrics()
    for path in ("/health", "/health/ready", "/metrics", "/status"):
        request(metrics, path)
    figures = between(None, read(metrics.families()), 15)
    assert figures.counts["requests"] == 0
    assert "response_time" not in figures.spreads


def test_stages_and_modes_are_kept_apart_and_what_did_not_happen_is_left_out():
    metrics = Metrics()
    metrics.observe(STAGE_SECONDS, 0.3, stage="embed")
    metrics.observe(STAGE_SECONDS, 0.004, stage="search")
    metrics.count(ANSWERS, mode="extractive")
    figures = between(None, read(metrics.families()), 15)
    assert set(figures.spreads) == {"stages", "stages:embed", "stages:search"}
    assert figures.spreads["stages"].count == 2
    embed = percentile(figures.spreads["stages:embed"], 0.5)
    assert embed is not None
    assert 0.25 < embed <= 0.5
    assert {name: value for name, value in figures.counts.items() if name.startswith("answers")} == {
        "answers": 1,
        "answers:extractive": 1,
    }


def test_gauges_are_levels_and_not_a_number_is_nothing():
    metrics = Metrics()
    metrics.set(INDEX_LAG, 4)
    metrics.set(DEGRADATION_STEP, math.nan)
    found = between(None, read(metrics.families()), 15).levels
    assert found["index_lag"] == Level(1, 4, 4, 4)
    assert "degradation" not in found


def test_counters_of_the_machine_say_nothing_at_first():
    metrics = Metrics()
    table = [KeptCount("x", HTTP_REQUESTS.name, "x", of_machine=True)]
    request(metrics)
    first = read(metrics.families(), table)
    assert between(None, first, 15, table).counts == {}
    request(metrics)
    assert between(first, read(metrics.families(), table), 15, table).counts == {"x": 1}


def test_a_label_without_end_does_not_grow_the_history_without_end():
    metrics = Metrics()
    for number in range(500):
        request(metrics, path=f"/{number}")
    counts = read(metrics.families(), [KeptCount("x", HTTP_REQUESTS.name, "x", by="path")]).counters
    assert counts["x"] == 500
    assert len(counts) <= 30
    levels = read(metrics.families(), [KeptLevel("x", HTTP_REQUESTS.name, "x", by="path")]).levels
    assert len(levels) <= 30
