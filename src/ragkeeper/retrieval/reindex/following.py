"""Waiting for a job about the index, as commands do."""

import time
from collections.abc import Collection
from typing import Any

from ragkeeper.cli.client import Client
from ragkeeper.cli.errors import CommandFailed
from ragkeeper.cli.output import note
from ragkeeper.cli.progress import progress_bar

_LOOK_EVERY = 0.5  # seconds
_RUNNING = frozenset({"queued", "running"})


def followed(client: Client, job_id: str, accept: Collection[str] = ()) -> dict[str, Any]:
    """The job once it has ended well, or with one of these codes. Raises CommandFailed when it has not."""
    with progress_bar() as bar:
        task = bar.add_task("the index", total=None)
        waits_for = ""
        while (job := client.get(f"/api/v1/index/jobs/{job_id}"))["state"] in _RUNNING:
            progress = job["progress"] or {}
            if progress.get("waits_for", "") not in {"", waits_for}:
                waits_for = progress["waits_for"]
                note(f"It waits: {waits_for} What serves goes on. `ragkeeper reindex --cancel` gives the new index up.")
            bar.update(task, description=progress.get("stage", job["state"]))
            bar.update(task, completed=progress.get("done", 0), total=progress.get("total"))
            time.sleep(_LOOK_EVERY)
    if job["state"] != "done" and job["code"] not in accept:
        code, reason = job["code"] or "job_cancelled", job["message"] or "The job was cancelled."
        raise CommandFailed({"code": code, "status": 500, "title": reason, "fix": job["fix"]})
    found: dict[str, Any] = job
    return found
