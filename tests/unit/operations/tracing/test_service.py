import httpx
import pytest

from ragkeeper.core.metrics import Metrics
from ragkeeper.core.tracing import Span, Trace
from ragkeeper.operations.tracing.rules import headers_of, payload
from ragkeeper.operations.tracing.service import TraceExporter


class Collector:
    """Stands where the network would be."""

    def __init__(self) -> None:
        self.status = 200
        self.received: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.received.append(request)
        return httpx.Response(self.status)


def exporter(collector: Collector, metrics: Metrics) -> TraceExporter:
    made = TraceExporter("http://collector/v1/traces", {"x-api-key": "k"}, "1.0", metrics)
    made._client = httpx.AsyncClient(transport=httpx.MockTransport(collector), headers={"x-api-key": "k"})
    return made


def counts(metrics: Metrics) -> tuple[float, float]:
    found = {family.name: family.samples[0].value for family in metrics.families() if "traces" in family.name}
    return found["rag_traces_sent"], found["rag_traces_lost"]


def trace(number: int = 0) -> Trace:
    return Trace("POST /chat", id=f"{number:032x}", began=1_000, ended=9_000, spans=[Span("search", 2_000, 3_000)])


def test_a_trace_is_a_root_and_its_stages():
    [resource] = payload([trace(7)], "1.0")["resourceSpans"]
    root, stage = resource["scopeSpans"][0]["spans"]
    assert (root["name"], root["parentSpanId"], root["startTimeUnixNano"]) == ("POST /chat", "", "1000")
    assert (stage["name"], stage["parentSpanId"], stage["endTimeUnixNano"]) == ("search", root["spanId"], "3000")
    assert root["traceId"] == stage["traceId"] == f"{7:032x}"
    assert len(root["spanId"]) == 16


def test_headers_are_pairs():
    assert headers_of("x-api-key=a=b, project=p") == {"x-api-key": "a=b", "project": "p"}
    assert headers_of("") == {}
    for text in ("x-api-key", "=x"):
        with pytest.raises(ValueError, match="name=value"):
            headers_of(text)


async def test_what_gathers_is_sent_together():
    collector, metrics = Collector(), Metrics()
    sending = exporter(collector, metrics)
    for number in range(3):
        sending.finished(trace(number))
    await sending.send()
    [request] = collector.received
    assert request.headers["x-api-key"] == "k"
    assert counts(metrics) == (3, 0)
    await sending.stop()


async def test_a_collector_that_is_away_costs_traces_alone():
    collector, metrics = Collector(), Metrics()
    collector.status = 503
    sending = exporter(collector, metrics)
    for number in range(1100):
        sending.finished(trace(number))
    await sending.send()
    assert counts(metrics) == (0, 200)  # a hundred that nobody waits for any more, and those of one attempt
    collector.status = 200
    await sending.send()
    assert counts(metrics) == (900, 200)
    await sending.stop()


async def test_the_last_ones_are_sent_at_the_end():
    collector, metrics = Collector(), Metrics()
    sending = exporter(collector, metrics)
    sending.start()
    sending.finished(trace())
    await sending.stop()
    assert counts(metrics) == (1, 0)
