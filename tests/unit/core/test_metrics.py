import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ragkeeper.core.figures.holdings import SQL_SECONDS
from ragkeeper.core.instruments import Counter, Gauge, Histogram, Label, Metric
from ragkeeper.core.metrics import (
    ANSWERS,
    CACHE_HITS,
    HTTP_REQUESTS,
    HTTP_SECONDS,
    LLM_FIRST_TOKEN,
    LLM_SECONDS,
    OTHER,
    RATE_LIMIT_REMAINING,
    SEARCH_SECONDS,
    STAGE_SECONDS,
    TABLE,
    Metrics,
)
from ragkeeper.core.telemetry import observe_stages

ONE_HOUR = 3600
UNITS = ("seconds", "bytes")


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(metrics.scrape().decode())
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def use(metrics: Metrics, metric: Metric, labels: dict[str, str]) -> None:
    if isinstance(metric, Counter):
        metrics.count(metric, **labels)
    elif isinstance(metric, Gauge):
        metrics.set(metric, 1, **labels)
    elif isinstance(metric, Histogram):
        metrics.observe(metric, 1, **labels)


@pytest.mark.parametrize("metric", TABLE, ids=lambda metric: metric.name)
def test_a_scrape_has_the_metric_with_exactly_its_labels(metric: Metric):
    metrics = Metrics([metric])
    use(metrics, metric, {label.name: (label.values or ("x",))[0] for label in metric.labels})
    [family] = text_string_to_metric_families(metrics.scrape().decode())
    assert family.type == type(metric).__name__.lower()
    assert family.documentation == metric.help
    names = {name for sample in family.samples for name in sample.labels} - {"le"}
    assert names == set(metric.label_names)
    suffixes = ("_bucket", "_sum", "_count") if isinstance(metric, Histogram) else ("",)
    assert {sample.name for sample in family.samples} == {metric.name + suffix for suffix in suffixes}


@pytest.mark.parametrize("metric", TABLE, ids=lambda metric: metric.name)
def test_names_say_kind_and_unit(metric: Metric):
    assert metric.name.endswith("_total") is isinstance(metric, Counter)
    assert metric.unit == next((word for word in metric.name.split("_") if word in UNITS), "")
    assert metric.help.endswith(".")


def test_names_are_told_apart():
    assert len({metric.name for metric in TABLE}) == len(TABLE)


@pytest.mark.parametrize("metric", [one for one in TABLE if isinstance(one, Histogram)], ids=lambda one: one.name)
def test_buckets_rise(metric: Histogram):
    assert list(metric.buckets) == sorted(set(metric.buckets))


@pytest.mark.parametrize("metric", [LLM_SECONDS, LLM_FIRST_TOKEN])
def test_the_longest_call_that_settings_allow_falls_into_a_bucket(metric: Histogram):
    assert metric.buckets[-1] > ONE_HOUR


def test_metrics_whose_labels_are_all_known_exist_from_the_start():
    found = samples(Metrics())
    assert found["rag_answers_total", "extractive"] == 0
    assert found["rag_cache_hits_total", "answer"] == 0
    assert found[("rag_degradation_step",)] == 0


def test_an_unknown_value_of_a_bounded_label_counts_as_other():
    metrics = Metrics()
    metrics.count(CACHE_HITS, kind="dream")
    metrics.count(CACHE_HITS, kind="nightmare")
    found = samples(metrics)
    assert found["rag_cache_hits_total", OTHER] == 2
    assert ("rag_cache_hits_total", "dream") not in found


def test_the_number_of_series_is_bounded():
    metrics = Metrics()
    for number in range(3000):
        metrics.count(HTTP_REQUESTS, method="GET", path=f"/{number}", status="200")
    found = {labels: value for labels, value in samples(metrics).items() if labels[0] == "http_requests_total"}
    assert len(found) == 1001
    assert found["http_requests_total", "GET", OTHER, OTHER] == 2000


def test_a_forgotten_label_is_an_error():
    with pytest.raises(KeyError):
        Metrics().count(ANSWERS)


def test_a_metric_outside_the_table_is_an_error():
    with pytest.raises(KeyError):
        Metrics().count(Counter("rag_invented_total", "Nothing."))


def test_gauges_that_time_changes_are_asked_before_each_scrape():
    metrics, left = Metrics(), iter([18, 28])
    metrics.before_scrape(lambda: metrics.set(RATE_LIMIT_REMAINING, next(left), provider="groq"))
    assert [samples(metrics)["rag_rate_limit_remaining", "groq"] for _ in range(2)] == [18, 28]


def test_two_objects_share_nothing():
    one, other = Metrics(), Metrics()
    one.count(ANSWERS, mode="full")
    assert samples(other)["rag_answers_total", "full"] == 0


def test_stages_are_observed_in_seconds():
    metrics = Metrics()
    observe_stages(metrics, {"search": 250.0})
    assert samples(metrics)["rag_stage_seconds_sum", "search"] == 0.25


LIMITS_OF_THE_GUIDES = {
    HTTP_SECONDS: (2, 3, 5),
    STAGE_SECONDS: (2, 3, 5),
    SEARCH_SECONDS: (0.1, 0.5, 2),
    LLM_SECONDS: (2, 5, 30),
    SQL_SECONDS: (0.1, 1),
}


@pytest.mark.parametrize("metric", LIMITS_OF_THE_GUIDES, ids=lambda metric: metric.name)
def test_every_limit_of_the_guides_is_an_edge_of_a_bucket(metric: Histogram):
    assert set(LIMITS_OF_THE_GUIDES[metric]) <= set(metric.buckets)


def test_a_count_of_somebody_else_only_rises():
    counter = Counter("kernel_bytes_total", "Bytes.", (Label("device"),))
    metrics = Metrics([counter])
    found = []
    for total in (100, 130, 129, 130, 20):
        metrics.reached(counter, total, device="lo")
        found.append(samples(metrics)["kernel_bytes_total", "lo"])
    assert found == [100, 130, 130, 130, 150]


def test_series_that_are_no_more_end():
    gauge = Gauge("rag_things", "Things.", (Label("collection"),))
    metrics = Metrics([gauge])
    metrics.replace(gauge, {("old",): 1, ("kept",): 2})
    metrics.replace(gauge, {("kept",): 3, ("new",): 4})
    assert samples(metrics) == {("rag_things", "kept"): 3, ("rag_things", "new"): 4}


def test_what_nobody_looked_up_has_no_value():
    gauge = Gauge("rag_found", "Found.", looked_up=True)
    metrics = Metrics([gauge])
    assert math.isnan(samples(metrics)[("rag_found",)])
    metrics.set(gauge, 0)
    assert samples(metrics)[("rag_found",)] == 0
