from datetime import UTC, datetime, timedelta

from ragkeeper.core.metrics import Metrics
from ragkeeper.documents.service import Indexed
from ragkeeper.retrieval.arrivals import Arrivals

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def value(metrics: Metrics, name: str) -> float:
    samples = [sample for family in metrics.families() for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples)


def test_a_content_arrives_with_its_words_and_is_done_with_its_vectors():
    metrics = Metrics()
    arrivals = Arrivals(metrics)
    arrivals.note(Indexed(after(2), {"v1": NOON}, ()))
    assert value(metrics, "rag_ingest_freshness_seconds_sum") == 2
    assert value(metrics, "rag_jobs_ended_total") == 0
    arrivals.note(Indexed(after(5), {}, ("v1",)))
    assert value(metrics, "rag_jobs_ended_total") == 1
    assert value(metrics, "rag_job_seconds_sum") == 5
    assert value(metrics, "rag_ingest_step_seconds_sum") == 3


def test_vectors_of_another_model_are_no_arrival():
    metrics = Metrics()
    Arrivals(metrics).note(Indexed(after(99), {}, ("old",)))
    assert value(metrics, "rag_jobs_ended_total") == 0
