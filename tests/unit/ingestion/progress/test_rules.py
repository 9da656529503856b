from datetime import UTC, datetime, timedelta

import pytest

from ragkeeper.documents.models import Problem, VersionStatus
from ragkeeper.ingestion.progress import rules
from ragkeeper.ingestion.progress.models import Activity, JobState, VersionFacts

NOW = datetime(2026, 1, 2, tzinfo=UTC)
IDLE = Activity(frozenset(), 0, 2, {}, paused=False)


def version(status: VersionStatus, **facts) -> VersionFacts:
    known = {
        "attempts": 0,
        "interruptions": 0,
        "problem": None,
        "created_at": NOW,
        "searchable_at": None,
        "ready_at": None,
    } | facts
    return VersionFacts(id="v", document_id="d", name="a.md", collection="default", status=status, **known)


@pytest.mark.parametrize(
    ("facts", "state", "percent", "message"),
    [
        (version(VersionStatus.ACCEPTED), JobState.QUEUED, 0, "Starting processing..."),
        (version(VersionStatus.INDEXING), JobState.RUNNING, 30, "Document chunked"),
        (version(VersionStatus.SEARCHABLE, chunks=4, vectors=1), JobState.RUNNING, 40, "Document chunked"),
        (version(VersionStatus.SEARCHABLE, chunks=4, vectors=4), JobState.RUNNING, 70, "Embeddings generated"),
        (version(VersionStatus.READY), JobState.DONE, 100, "Processing complete"),
        (version(VersionStatus.REPLACED), JobState.DONE, 100, "Processing complete"),
        (version(VersionStatus.CANCELLED), JobState.CANCELLED, 0, "Starting processing..."),
    ],
)
def test_each_status_has_its_state_and_progress(facts, state, percent, message) -> None:
    job = rules.job_of(facts, IDLE)
    assert (job.state, job.percent, job.message) == (state, percent, message)


def test_a_claimed_version_whose_turn_has_not_come_is_queued() -> None:
    job = rules.job_of(version(VersionStatus.PARSING, ahead=3), IDLE)
    assert (job.state, job.position) == (JobState.QUEUED, 4)
    reading = Activity(frozenset({"v"}), 1, 2, {}, paused=False)
    assert rules.job_of(version(VersionStatus.PARSING), reading).state is JobState.RUNNING


def test_the_queue_says_why() -> None:
    busy = Activity(frozenset({"x", "y"}), 2, 2, {}, paused=False)
    assert "2 of 2 readers are at work" in rules.job_of(version(VersionStatus.ACCEPTED), busy).reason
    paused = Activity(frozenset(), 0, 2, {}, paused=True)
    assert "paused" in rules.job_of(version(VersionStatus.ACCEPTED), paused).reason


def test_a_postponed_one_says_until_when_and_why() -> None:
    until = NOW + timedelta(seconds=10)
    waiting = Activity(
        frozenset(), 0, 2, {"v": (until, Problem("parser_unavailable", "No process.", "Wait."))}, paused=False
    )
    job = rules.job_of(version(VersionStatus.PARSING), waiting)
    assert (job.state, job.until, job.reason, job.position) == (JobState.WAITING, until, "No process.", None)


def test_every_status_belongs_to_a_state() -> None:
    assert {status for statuses in rules.STATUSES.values() for status in statuses} == set(VersionStatus)
