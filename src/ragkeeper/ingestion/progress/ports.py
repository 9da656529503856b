"""What jobs need from the background work, which is in the same process."""

from typing import Protocol

from ragkeeper.ingestion.progress.models import Activity


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
