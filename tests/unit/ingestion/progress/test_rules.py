from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ragkeeper.documents.models import Problem, VersionStatus
from ragkeeper.ingestion.progress import rules
from ragkeeper.ingestion.progress.models import Activity, Held, JobState, VersionFacts

NOW = datetime(2026, 1, 2, tzinfo=UTC)
IDLE = Activity("w", frozenset(), 0, 2, {}, paused=False)


def version(status: VersionStatus, **facts) -> VersionFacts:
    known = {
        "attempts": 0,
        "interruptions": 0,
        "problem": None,
        "created_at": NOW,
        "searchable_at": None,
        "ready_at": None,
        "claimed_by": "w",
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
    reading = Activity("w", frozenset({"v"}), 1, 2, {}, paused=False)
    assert rules.job_of(version(VersionStatus.PARSING), reading).state is JobState.RUNNING


def test_the_queue_says_why() -> None:
    busy = Activity("w", frozenset({"x", "y"}), 2, 2, {}, paused=False)
    assert "2 of 2 readers are at work" in rules.job_of(version(VersionStatus.ACCEPTED), busy).reason
    paused = Activity("w", frozenset(), 0, 2, {}, paused=True)
    assert "paused" in rules.job_of(version(VersionStatus.ACCEPTED), paused).reason


def test_a_postponed_one_says_until_when_and_why() -> None:
    until = NOW + timedelta(seconds=10)
    waiting = Activity(
        "w", frozenset(), 0, 2, {"v": (until, Problem("parser_unavailable", "No process.", "Wait."))}, paused=False
    )
    job = rules.job_of(version(VersionStatus.PARSING), waiting)
    assert (job.state, job.until, job.reason, job.position) == (JobState.WAITING, until, "No process.", None)


@pytest.mark.parametrize(
    ("status", "held"),
    [
        (VersionStatus.PARSING, {"saving": Held("SQL is locked.", NOW)}),
        (VersionStatus.INDEXING, {"indexing": Held("SQL is locked.", NOW)}),
        (VersionStatus.SEARCHABLE, {"embedding": Held("SQL is locked.", NOW)}),
    ],
)
def test_a_step_that_cannot_go_on_makes_its_jobs_wait(status: VersionStatus, held) -> None:
    activity = replace(IDLE, reading=frozenset({"v"}), **held)
    job = rules.job_of(version(status, chunks=2, vectors=1), activity)
    assert (job.state, job.reason, job.until) == (JobState.WAITING, "SQL is locked.", NOW)


def test_what_is_embedded_does_not_wait_for_the_embedder() -> None:
    activity = replace(IDLE, embedding=Held("The endpoint is away.", NOW))
    assert rules.job_of(version(VersionStatus.SEARCHABLE, chunks=2, vectors=2), activity).state is JobState.RUNNING


def test_a_full_disk_is_why_the_queue_stands() -> None:
    job = rules.job_of(version(VersionStatus.ACCEPTED), replace(IDLE, full="The disk is nearly full."))
    assert (job.state, job.reason) == (JobState.QUEUED, "The disk is nearly full.")


def test_queued_running_elsewhere_and_stalled_are_told_apart() -> None:
    other = version(VersionStatus.PARSING, claimed_by="another")
    assert rules.job_of(other, IDLE).state is JobState.RUNNING
    stalled = rules.job_of(other, replace(IDLE, silent=frozenset({"another"})))
    assert stalled.state is JobState.STALLED
    assert "takes over" in stalled.reason
    assert rules.job_of(version(VersionStatus.ACCEPTED), replace(IDLE, silent=frozenset({"another"}))).state is (
        JobState.QUEUED
    )


def test_every_status_belongs_to_a_state() -> None:
    assert {status for statuses in rules.STATUSES.values() for status in statuses} == set(VersionStatus)
