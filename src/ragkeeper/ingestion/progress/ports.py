"""What jobs need from the background work, which is in the same process, and from the sources."""

from typing import Protocol

from ragkeeper.core.access import Caller
from ragkeeper.ingestion.progress.models import Activity, Job


class Embedding(Protocol):
    @property
    def name(self) -> str:
        """Of the model that embeds now."""


class Background(Protocol):
    def activity(self) -> Activity:
        """What is going on now."""

    async def abandon(self, version_id: str) -> None:
        """Stop reading this version, if it is being read or waits to be; its parser process is gone on return."""

    async def set_paused(self, *, paused: bool) -> None:
        """Begin no more files, or go on; survives a restart."""

    def wake(self) -> None:
        """There is work."""


class Syncs(Protocol):
    async def jobs(self, caller: Caller) -> list[Job]:
        """The newest run of each source, those that ended included; none for who may not see sources."""

    async def cancel(self, caller: Caller, job_id: str) -> None:
        """End the run, if it has not ended; what it has taken in stays."""

    async def repeat(self, caller: Caller, job_id: str) -> str:
        """Read that source again; returns the new job's id."""
