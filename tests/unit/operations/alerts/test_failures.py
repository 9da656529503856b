from datetime import UTC, datetime

from ragkeeper.core.job_log import FailedJob, FailedJobs
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.alerts.failures import REPEAT_SECONDS, Repeats, paragraphs, payload

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


def job(number: int, about: str = "") -> FailedJob:
    kind = "source_sync" if about else "document"
    return FailedJob(f"j{number}", kind, "file_damaged", "it is cut off", about)


def test_what_runs_again_and_again_is_told_of_once_in_a_while():
    repeats = Repeats()
    assert repeats.new([job(1, "s"), job(2, "s"), job(3, "t")], 0) == [job(1, "s"), job(3, "t")]
    assert repeats.new([job(4, "s")], REPEAT_SECONDS - 1) == []
    assert repeats.new([job(5, "s")], REPEAT_SECONDS) == [job(5, "s")]


def test_every_document_that_fails_is_told_of():
    repeats = Repeats()
    assert repeats.new([job(1), job(2)], 0) == [job(1), job(2)]
    assert repeats.new([job(1)], 1) == [job(1)], "somebody had it read again, and it failed again"


def test_many_failures_are_counted_in_words_and_whole_as_data():
    text = paragraphs(tuple(map(job, range(25))), "https://example.org")
    assert "Job j0 (document) failed: it is cut off (JobFailed, high)" in text[0]
    assert "https://example.org/document-stuck.md" in text[0]
    assert text[-1].startswith("And 5 more")
    assert len(text) == 21


def test_a_failure_has_its_id_its_reason_and_a_high_severity():
    found = payload(job(7, "s"), "https://example.org", NOW)
    assert (found["labels"]["severity"], found["labels"]["job"]) == ("high", "j7")
    assert found["annotations"]["description"] == "it is cut off"
    assert found["annotations"]["runbook_url"] == "https://example.org/errors.md"


def test_failures_are_taken_once_and_of_very_many_the_newest():
    failed = FailedJobs(Metrics())
    for number in range(1200):
        failed.add(job(number), 1.0)
    taken = failed.take()
    assert (len(taken), taken[-1]) == (1000, job(1199))
    assert failed.take() == []
