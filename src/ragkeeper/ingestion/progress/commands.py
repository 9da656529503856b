"""`ragkeeper jobs …`: how far things are, why they are not further, and steering them."""

import time
from typing import Annotated, Any

import typer

from ragkeeper.cli.app import command_group, example
from ragkeeper.cli.confirm import confirm
from ragkeeper.cli.exit_codes import ExitCode
from ragkeeper.cli.options import Collection, Json, Yes
from ragkeeper.cli.output import note, print_json, print_table, print_text
from ragkeeper.cli.ports import Connect
from ragkeeper.cli.progress import progress_bar
from ragkeeper.core.lines import one_line
from ragkeeper.ingestion.progress.models import JobKind, JobState

_JOBS = "/api/v1/jobs"
_ENDED = frozenset(state.value for state in JobState if state.is_final)
_BROKEN_OFF = frozenset({JobState.FAILED.value, JobState.CANCELLED.value})
_LOOK_EVERY = 0.5  # seconds
_COLUMNS = ("id", "kind", "state", "percent", "name", "attempts", "why")

JobId = Annotated[str, typer.Argument(metavar="ID", help="As `ragkeeper jobs list` shows it.")]


def job_commands(connect: Connect) -> typer.Typer:
    app = command_group(name="jobs", help="Show how far files are and why; cancel, retry, pause and resume.")
    _add_reading(app, connect)
    _add_steering(app, connect)
    _add_pausing(app, connect)
    return app


def _add_reading(app: typer.Typer, connect: Connect) -> None:
    @app.command("list", epilog=example("ragkeeper jobs list --state failed"))
    def list_jobs(
        state: Annotated[JobState | None, typer.Option("--state", help="Only jobs in this state.")] = None,
        kind: Annotated[JobKind | None, typer.Option("--kind", help="Only documents, or only syncs.")] = None,
        collection: Collection = None,
        limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many at most.")] = 100,
        cursor: Annotated[str | None, typer.Option("--cursor", help="`next_cursor` of an earlier list.")] = None,
        json: Json = False,
    ) -> None:
        """List jobs, newest first: documents, and the last sync of each source.

        The failed ones are what wants attention: each says what to do.
        """
        with connect() as client:
            page = client.get(_JOBS, state=state, kind=kind, collection=collection, limit=limit, cursor=cursor)
        if json:
            print_json(page)
            return
        print_table(_COLUMNS, [_row(job) for job in page["items"]])
        if page["next_cursor"]:
            note(f"There are more: raise --limit, or go on with --cursor {page['next_cursor']}")

    @app.command("show", epilog=example("ragkeeper jobs show ID"))
    def show_job(job: JobId, json: Json = False) -> None:
        """Show one job."""
        with connect() as client:
            found = client.get(f"{_JOBS}/{job}")
        print_json(found) if json else print_table(_COLUMNS, [_row(found)])

    @app.command("why", epilog=example("ragkeeper jobs why ID"))
    def explain_job(job: JobId, json: Json = False) -> None:
        """Tell a job's whole story: where it is and why, every attempt, how long it took and how it ended."""
        with connect() as client:
            found = client.get(f"{_JOBS}/{job}/history")
        print_json(found) if json else print_text(story(found))

    @app.command("watch", epilog=example("ragkeeper jobs watch ID"))
    def watch_job(job: JobId, json: Json = False) -> None:
        """Follow a job until it has ended. Exit status 1 when it failed or was cancelled."""
        with connect() as client, progress_bar() as bar:
            task = bar.add_task(job, total=100)
            while (last := client.get(f"{_JOBS}/{job}"))["state"] not in _ENDED:
                bar.update(task, completed=last["current"], description=last["name"])
                time.sleep(_LOOK_EVERY)
        print_json(last) if json else print_table(_COLUMNS, [_row(last)])
        if last["state"] != JobState.DONE:
            raise typer.Exit(ExitCode.PROBLEM_FOUND)


def _add_steering(app: typer.Typer, connect: Connect) -> None:
    @app.command("cancel", epilog=example("ragkeeper jobs cancel ID"))
    def cancel_job(job: JobId, yes: Yes = False, json: Json = False) -> None:
        """Stop a job. What it has made searchable by then stays; `retry` goes on."""
        with connect() as client:
            confirm(f"This stops the job {job}", yes=yes)
            found = client.post(f"{_JOBS}/{job}/cancel")
        print_json(found) if json else print_text(f"Cancelled: {found['name']}.")

    @app.command("retry", epilog=example("ragkeeper jobs retry ID", "ragkeeper jobs retry --all --code no_text"))
    def retry_jobs(
        job: Annotated[str | None, typer.Argument(metavar="[ID]", help="Which one.")] = None,
        every: Annotated[bool, typer.Option("--all", help="Every failed job.")] = False,
        code: Annotated[
            str | None, typer.Option("--code", help="With --all: only those that failed with this.")
        ] = None,
        json: Json = False,
    ) -> None:
        """Try a failed or cancelled job again, or every failed one."""
        if every is (job is not None) or (code and not every):
            raise typer.BadParameter("give an ID, or --all, with --code if you like")
        with connect() as client:
            if job is not None:
                found = client.post(f"{_JOBS}/{job}/retry")
                said = f"Queued again: {found['name']}."
            else:
                found = client.post(f"{_JOBS}/retry", {"code": code})
                said = f"Queued again: {found['retried']:,} jobs."
        print_json(found) if json else print_text(said)

    @app.command("discard", epilog=example("ragkeeper jobs discard ID"))
    def discard_job(job: JobId, yes: Yes = False, json: Json = False) -> None:
        """Give up a failed or cancelled job for good. A document that has no other version goes with it."""
        with connect() as client:
            name = client.get(f"{_JOBS}/{job}")["name"]
            confirm(f"This discards the job {job} of {name}, and its file", yes=yes)
            found = client.post(f"{_JOBS}/{job}/discard")
        gone = "The document is gone." if found["deletion"] else "The document keeps its earlier version."
        print_json(found) if json else print_text(f"Discarded. {gone}")


def _add_pausing(app: typer.Typer, connect: Connect) -> None:
    @app.command("pause", epilog=example("ragkeeper jobs pause"))
    def pause(json: Json = False) -> None:
        """Begin to read no more files. Uploads are still accepted; searches and answers go on."""
        with connect() as client:
            found = client.post(f"{_JOBS}/pause")
        print_json(found) if json else print_text("Reading is paused; what is being read is finished.")

    @app.command("resume", epilog=example("ragkeeper jobs resume"))
    def resume(json: Json = False) -> None:
        """Go on reading files."""
        with connect() as client:
            found = client.post(f"{_JOBS}/resume")
        print_json(found) if json else print_text("Reading goes on.")


def story(history: dict[str, Any]) -> str:
    """A job's history as sentences, one a line."""
    job = history["job"]
    is_document = job["document_id"] is not None
    what = f"document {job['document_id']}" if is_document else "sync of a source"
    lines = [
        f"{job['name']} ({what}, collection {job['collection']})",
        f"{job['created_at'][:19]}  {'stored' if is_document else 'asked for'}",
    ]
    for number, attempt in enumerate(history["attempts"], start=1):
        how = "read" if attempt["error"] is None else f"failed with {attempt['error']}: {attempt['message']}"
        lines.append(f"{attempt['ended_at'][:19]}  attempt {number}, {attempt['seconds']:g} s: {how}")
    if history["interrupted"]:
        lines.append(f"{history['interrupted']} attempts were cut off by a stop of the server.")
    if job["searchable_at"]:
        lines.append(f"{job['searchable_at'][:19]}  found by its words")
    if job["finished_at"]:
        lines.append(f"{job['finished_at'][:19]}  {'found by its meaning' if is_document else 'ended'}")
    how_far = "" if job["state"] in _BROKEN_OFF else f", {job['current']} %: {job['message']}"
    lines.append(f"Now {job['state']}{how_far}. {job['reason']}".replace("....", "...").rstrip())
    if job["until"]:
        lines.append(f"It goes on at {job['until'][:19]}.")
    if job["error"]:
        lines.append(f"What to do: {job['error']['fix']}")
    return "\n".join(lines)


def _row(job: dict[str, Any]) -> tuple[object, ...]:
    why = job["reason"] + (f" {job['error']['fix']}" if job["error"] else "")
    state = f"{job['state']} ({job['position']})" if job["position"] else job["state"]
    return job["id"], job["kind"], state, job["current"], job["name"], job["attempts"], one_line(why, 160)
