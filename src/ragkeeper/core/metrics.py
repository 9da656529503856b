"""Every metric in one table, and the object that counts: `metrics.count(SEARCHES, mode="hybrid")`.

The table is the contract: what is not in it cannot be counted, and its generated page is docs/reference/metrics.md.
Names end in their unit, as https://prometheus.io/docs/practices/naming/ asks for; times are seconds. The object is
passed as a value to whoever counts, so that two servers in one process, or two tests, share nothing.
"""

import math
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family

from ragkeeper.core.figures import holdings, machine, quality, work
from ragkeeper.core.instruments import Counter, Gauge, Histogram, Label, Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
"""Stands for a label's value that the table does not name, and for all of them beyond the most that are kept."""

_MOST_SERIES = 1000


# Up to an hour, the most that RAG_STREAM_TIMEOUT and RAG_MODEL_TIMEOUT allow, and what comes on top of it.
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 2, 3, 5, 10, 30, 60, 120, 300, 600, 1800, 3900)
_MODEL_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1800, 3900)
_STAGE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 120, 600, 3900)
_SEARCH_BUCKETS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)

_PROVIDER = Label("provider")
_MODEL = Label("model")
_OPERATION = Label("operation", ("chat", "embed"))
_BREAKER_STATES = ("closed", "open", "half_open")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CACHE_KINDS = ("search", "answer", "semantic", "embedding")
SEARCH_MODES = ("hybrid", "dense", "lexical", "sql")
ANSWER_MODES = ("full", "without_reranking", "fallback_model", "extractive", "search_only")
STAGES = (
    "rewrite",
    "embed",
    "search",
    "fuse",
    "confirm",
    "rerank",
    "compress",
    "first_token",
    "generate",
    "quote",
    "verify",
)
DEGRADATION_CAUSES = ("forced", "reranker", "first_model", "models", "embedder", "index", "database")
CALLERS = ("nobody", "user", "administrator")
GROUNDINGS = ("grounded", "partly", "ungrounded", "refused")
REQUEST_KINDS = ("search", "chat", "read", "upload")
LLM_OUTCOMES = (
    "ok",
    "cancelled",
    "chat_failed",
    "chat_unavailable",
    "chat_timed_out",
    "chat_rate_limited",
    "chat_refused",
    "chat_model_unknown",
    "chat_broken_stream",
)

HTTP_REQUESTS = Counter(
    "http_requests_total",
    "Requests answered. `path` is the route's template; 499: the client went away before an answer.",
    (Label("method", _METHODS), Label("path"), Label("status")),
)
HTTP_SECONDS = Histogram(
    "http_request_duration_seconds",
    "Time to the last byte of an answer; of an event stream, to its first.",
    (Label("method", _METHODS), Label("path")),
    "seconds",
    _REQUEST_BUCKETS,
)
STAGE_SECONDS = Histogram(
    "rag_stage_seconds",
    "Time that searches and answers spend in each stage, the same as `timings_ms` says.",
    (Label("stage", STAGES),),
    "seconds",
    _STAGE_BUCKETS,
)
SEARCH_SECONDS = Histogram(
    "vector_search_duration_seconds",
    "Time of a search's queries of the index, by what was searched in; `sql`: words in SQL, while the index is away.",
    (Label("mode", SEARCH_MODES),),
    "seconds",
    _SEARCH_BUCKETS,
)
ANSWERS = Counter("rag_answers_total", "Answers by the step that produced them.", (Label("mode", ANSWER_MODES),))
LLM_SECONDS = Histogram(
    "rag_llm_latency_seconds",
    "Time of a whole model call; `outcome` is `ok`, `cancelled` or the error's code.",
    (_PROVIDER, _MODEL, Label("outcome", LLM_OUTCOMES)),
    "seconds",
    _MODEL_BUCKETS,
)
LLM_FIRST_TOKEN = Histogram(
    "rag_llm_first_token_seconds",
    "Time until the first piece of a streamed model call.",
    (_PROVIDER, _MODEL),
    "seconds",
    _MODEL_BUCKETS,
)
CACHE_HITS = Counter("rag_cache_hits_total", "What a cache gave.", (Label("kind", CACHE_KINDS),))
CACHE_MISSES = Counter("rag_cache_misses_total", "What a cache was asked for in vain.", (Label("kind", CACHE_KINDS),))
BREAKER_STATE = Gauge(
    "rag_circuit_breaker_state",
    "0 closed, calls pass; 1 open, calls are refused at once; 2 half-open, a few try.",
    (_PROVIDER, _MODEL, _OPERATION),
)
BREAKER_TRANSITIONS = Counter(
    "rag_circuit_breaker_transitions_total",
    "Changes of a breaker's state.",
    (_PROVIDER, _MODEL, _OPERATION, Label("from", _BREAKER_STATES), Label("to", _BREAKER_STATES)),
)
RATE_LIMIT_REMAINING = Gauge(
    "rag_rate_limit_remaining", "Calls that a provider may still be sent in the present minute.", (_PROVIDER,)
)
DEGRADATION_STEP = Gauge(
    "rag_degradation_step",
    "The step in force: 0 full, 1 without reranking, 2 fallback model, 3 extractive, 4 search only, 5 read-only.",
)
DEGRADATION_CAUSE = Gauge(
    "rag_degradation_cause", "1 while this is missing, or a step is forced.", (Label("cause", DEGRADATION_CAUSES),)
)
REQUESTS_SHED = Counter(
    "rag_requests_shed_total", "Requests turned away while too many came, by kind.", (Label("kind", REQUEST_KINDS),)
)
CONCURRENCY_LIMIT = Gauge(
    "rag_concurrency_limit",
    "How many requests of a kind are worked on at once; learned from how long they take.",
    (Label("kind", REQUEST_KINDS),),
)
REQUESTS_IN_FLIGHT = Gauge("rag_requests_in_flight", "Requests that are being answered.")
REQUESTS_BY_CALLER = Counter(
    "rag_requests_by_caller_total",
    "Requests by route and by who sent them: `nobody` carried no valid key.",
    (Label("path"), Label("caller", CALLERS)),
)
ERRORS = Counter("rag_errors_total", "Requests answered with an error, by its code.", (Label("code"),))
GROUNDING = Counter(
    "rag_grounding_total",
    "Answers by what supports them: every sentence, some, none; or it was refused for lack of support.",
    (Label("result", GROUNDINGS),),
)
LLM_TOKENS = Counter(
    "rag_llm_tokens_total",
    "Tokens sent and received; `estimated` where the provider does not count: a token for four characters.",
    (_PROVIDER, _MODEL, Label("direction", ("in", "out")), Label("counted", ("provider", "estimated"))),
)
LLM_COST = Counter(
    "rag_llm_cost_total",
    "What these tokens cost, in the money of RAG_LLM_<NAME>_PRICE_IN and _PRICE_OUT; 0 without prices.",
    (_PROVIDER, _MODEL),
)

TABLE: tuple[Metric, ...] = (
    HTTP_REQUESTS,
    HTTP_SECONDS,
    STAGE_SECONDS,
    SEARCH_SECONDS,
    ANSWERS,
    LLM_SECONDS,
    LLM_FIRST_TOKEN,
    CACHE_HITS,
    CACHE_MISSES,
    BREAKER_STATE,
    BREAKER_TRANSITIONS,
    RATE_LIMIT_REMAINING,
    DEGRADATION_STEP,
    DEGRADATION_CAUSE,
    REQUESTS_SHED,
    CONCURRENCY_LIMIT,
    REQUESTS_IN_FLIGHT,
    REQUESTS_BY_CALLER,
    ERRORS,
    GROUNDING,
    LLM_TOKENS,
    LLM_COST,
    *work.TABLE,
    *holdings.TABLE,
    *machine.TABLE,
    *quality.TABLE,
)

# One of the client's counters, gauges or histograms: which one, the metric's own class says.
_Instrument = Any
_Values = TypeVar("_Values", bound=tuple[str, ...])


class Metrics:
    """One process's figures. May be used from any thread."""

    def __init__(self, table: Iterable[Metric] = TABLE) -> None:
        self._registry = _Registry()
        self._series = {metric.name: _Series(metric, self._registry) for metric in table}
        self._refreshers: list[Callable[[], None]] = []

    def count(self, counter: Counter, by: float = 1, /, **labels: str) -> None:
        """Raises KeyError for a metric outside the table and for a missing label, as the others do."""
        self._series[counter.name].child(labels).inc(by)

    def set(self, gauge: Gauge, value: float, /, **labels: str) -> None:
        self._series[gauge.name].child(labels).set(value)

    def observe(self, histogram: Histogram, value: float, /, **labels: str) -> None:
        self._series[histogram.name].child(labels).observe(value)

    def reached(self, counter: Counter, total: float, /, **labels: str) -> None:
        """A count that somebody else keeps, such as the kernel; less than half of what it was: it began anew."""
        self._series[counter.name].reach(labels, total)

    def replace(self, gauge: Gauge, values: Mapping[_Values, float], /) -> None:
        """All of its series at once, by the labels' values; those that are not given end."""
        self._series[gauge.name].replace(values)

    def before_scrape(self, refresh: Callable[[], None]) -> None:
        """Call `refresh` before each scrape: for gauges that time alone changes. It must be quick and not raise."""
        self._refreshers.append(refresh)

    def scrape(self) -> bytes:
        """All figures in Prometheus' text format, see CONTENT_TYPE."""
        for refresh in self._refreshers:
            refresh()
        return prometheus_client.generate_latest(self._registry)

    def families(self) -> list[Family]:
        """All figures as a scrape would give them, for who reads them inside the process."""
        for refresh in self._refreshers:
            refresh()
        return list(self._registry.collect())


class _Registry(CollectorRegistry):
    """Leaves out the time at which each series began, which doubles their number and helps nobody here."""

    def collect(self) -> Iterable[Family]:
        for family in super().collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


class _Series:
    """The series of one metric by the values of their labels."""

    def __init__(self, metric: Metric, registry: CollectorRegistry) -> None:
        self._metric = metric
        self._instrument = _instrument(metric, registry)
        self._children: dict[tuple[str, ...], _Instrument] = {}
        self._reached: dict[tuple[str, ...], float] = {}
        self._adding = threading.Lock()
        for values in metric.known_series():
            self._add(values)

    def child(self, labels: dict[str, str]) -> _Instrument:
        values = tuple([labels[label.name] for label in self._metric.labels])
        return self._children.get(values) or self._add(self._bounded(values))

    def reach(self, labels: dict[str, str], total: float) -> None:
        child, values = self.child(labels), tuple(labels.values())
        before = self._reached.get(values, 0.0)
        if total < before and total > before / 2:
            return  # such as the time that a processor waits for disks, which Linux corrects now and then
        self._reached[values] = total
        child.inc(total - before if total >= before else total)

    def replace(self, values: Mapping[_Values, float]) -> None:
        for labels, value in values.items():
            (self._children.get(labels) or self._add(labels)).set(value)
        with self._adding:
            for ended in [one for one in self._children if one not in values]:
                del self._children[ended]
                self._instrument.remove(*ended)

    def _bounded(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The values as the table has them; `other` for what it does not name, and for all that would be too many."""
        full = len(self._children) >= _MOST_SERIES
        pairs = zip(self._metric.labels, values, strict=True)
        return tuple(value if value in label.values or not (label.values or full) else OTHER for label, value in pairs)

    def _add(self, values: tuple[str, ...]) -> _Instrument:
        with self._adding:
            child = self._instrument.labels(*values) if values else self._instrument
            if isinstance(self._metric, Gauge) and self._metric.looked_up and values not in self._children:
                child.set(math.nan)
            return self._children.setdefault(values, child)


def _instrument(metric: Metric, registry: CollectorRegistry) -> _Instrument:
    if isinstance(metric, Counter):
        return prometheus_client.Counter(metric.name, metric.help, metric.label_names, registry=registry)
    if isinstance(metric, Gauge):
        return prometheus_client.Gauge(metric.name, metric.help, metric.label_names, registry=registry)
    if isinstance(metric, Histogram):
        return prometheus_client.Histogram(
            metric.name, metric.help, metric.label_names, registry=registry, buckets=metric.buckets
        )
    raise TypeError(metric.name)
