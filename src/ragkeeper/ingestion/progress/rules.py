"""From what is known of a version to what its job says: no I/O."""

from dataclasses import replace

from ragkeeper.documents.models import VersionStatus
from ragkeeper.ingestion.progress.models import Activity, Held, Job, JobKind, JobState, VersionFacts, Wanted

STARTING, CHUNKED, EMBEDDED, COMPLETE = (
    "Starting processing...",
    "Document chunked",
    "Embeddings generated",
    "Processing complete",
)
_CHUNKED, _EMBEDDED, _COMPLETE = 30, 70, 100
_MILESTONES = ((0, STARTING), (_CHUNKED, CHUNKED), (_EMBEDDED, EMBEDDED))

STATUSES = {
    JobState.QUEUED: (VersionStatus.ACCEPTED, VersionStatus.PARSING),
    JobState.RUNNING: (VersionStatus.PARSING, VersionStatus.INDEXING, VersionStatus.SEARCHABLE),
    JobState.WAITING: (VersionStatus.PARSING, VersionStatus.INDEXING, VersionStatus.SEARCHABLE),
    JobState.STALLED: (VersionStatus.PARSING,),
    JobState.DONE: (VersionStatus.READY, VersionStatus.REPLACED),
    JobState.FAILED: (VersionStatus.FAILED,),
    JobState.CANCELLED: (VersionStatus.CANCELLED,),
}
"""In which statuses versions of a job in this state may be."""


def job_of(version: VersionFacts, activity: Activity) -> Job:
    held = _held(version, activity)
    state = _state(version, activity, held)
    percent, message = _progress(version)
    return Job(
        id=version.id,
        document_id=version.document_id,
        name=version.name,
        collection=version.collection,
        state=state,
        percent=percent,
        message=message,
        reason=_reason(version, state, activity, held),
        position=version.ahead + 1 if state is JobState.QUEUED else None,
        until=held.until if held and state is JobState.WAITING else None,
        attempts=version.attempts,
        problem=version.problem,
        created_at=version.created_at,
        searchable_at=version.searchable_at,
        finished_at=version.ready_at,
    )


def is_wanted(job: Job, wanted: Wanted) -> bool:
    return (
        wanted.state in {None, job.state}
        and wanted.kind in {None, job.kind}
        and wanted.collection in {None, job.collection}
    )


def passed(since: Job | None, job: Job) -> list[Job]:
    """The milestones that a job has passed unseen since it was last looked at, as it was then: running."""
    if job.kind is not JobKind.DOCUMENT or job.state in {JobState.FAILED, JobState.CANCELLED}:
        return []
    before = -1 if since is None else since.percent
    running = replace(job, state=JobState.RUNNING, reason="", position=None, until=None, finished_at=None)
    return [
        replace(running, percent=percent, message=message)
        for percent, message in _MILESTONES
        if before < percent < job.percent
    ]


def _held(version: VersionFacts, activity: Activity) -> Held | None:
    """What the step that it is at waits for."""
    match version.status:
        case VersionStatus.PARSING if version.id in activity.postponed:
            until, problem = activity.postponed[version.id]
            return Held(problem.message, until)
        case VersionStatus.PARSING if version.id in activity.reading:
            return activity.saving
        case VersionStatus.INDEXING if activity.indexing:
            return activity.indexing
        case VersionStatus.INDEXING | VersionStatus.SEARCHABLE if version.vectors < version.chunks:
            return activity.embedding
        case _:
            return None


def _state(version: VersionFacts, activity: Activity, held: Held | None) -> JobState:
    if held:
        return JobState.WAITING
    if version.status is VersionStatus.PARSING:
        if version.claimed_by in activity.silent:
            return JobState.STALLED
        # Claimed together with others, whose turn comes first; of another worker we do not know which.
        begun = version.id in activity.reading or version.claimed_by != activity.worker
        return JobState.RUNNING if begun else JobState.QUEUED
    return next(state for state, statuses in STATUSES.items() if version.status in statuses)


def _progress(version: VersionFacts) -> tuple[int, str]:
    match version.status:
        case VersionStatus.READY | VersionStatus.REPLACED:
            return _COMPLETE, COMPLETE
        case VersionStatus.INDEXING | VersionStatus.SEARCHABLE if version.chunks:
            share = version.vectors / version.chunks
            percent = _CHUNKED + int((_EMBEDDED - _CHUNKED) * share)
            return percent, EMBEDDED if version.vectors == version.chunks else CHUNKED
        case VersionStatus.INDEXING | VersionStatus.SEARCHABLE:
            return _CHUNKED, CHUNKED
        case _:
            return 0, STARTING


def _reason(version: VersionFacts, state: JobState, activity: Activity, held: Held | None) -> str:
    if held:
        return held.reason
    if state is JobState.STALLED:
        return "The process that reads it has not been heard of for a while; another one takes over within seconds."
    if state is JobState.FAILED and version.problem:
        return version.problem.message
    if state is JobState.QUEUED:
        if activity.paused:
            return "Reading is paused: `ragkeeper jobs resume` goes on."
        if activity.full:
            return activity.full
        return f"{activity.busy} of {activity.workers} readers are at work, {version.ahead} files come first."
    if version.status is VersionStatus.REPLACED:
        return "A newer version has taken its place."
    return ""
