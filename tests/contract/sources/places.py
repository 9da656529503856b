"""Places to be read: each keeps texts by name, and makes the connector that reads it.

A new connector joins the contract with a class here and a line in `PLACES`.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ragkeeper.ingestion.sources.connectors.fake import FakeConnector
from ragkeeper.ingestion.sources.connectors.folder import Folder, FolderConnector
from ragkeeper.ingestion.sources.connectors.port import Connector, ScanLimits

LIMITS = ScanLimits(largest_bytes=1000, most_items=20)


class Place(Protocol):
    """What a test does to a place that a connector then reads."""

    def put(self, name: str, text: str) -> None:
        """Add or change an item; a changed text is told from the one before it, however soon it comes."""

    def remove(self, name: str) -> None: ...

    def spoil(self) -> None:
        """The place cannot be reached any more."""

    def connector(self) -> Connector: ...


@dataclass
class FakePlace:
    fake: FakeConnector = field(default_factory=FakeConnector)

    def put(self, name: str, text: str) -> None:
        self.fake.contents[name] = text

    def remove(self, name: str) -> None:
        del self.fake.contents[name]

    def spoil(self) -> None:
        self.fake.fails_after = 0

    def connector(self) -> Connector:
        return self.fake


@dataclass
class FolderPlace:
    root: Path

    def put(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def remove(self, name: str) -> None:
        (self.root / name).unlink()

    def spoil(self) -> None:
        self.root.rename(self.root.with_name("elsewhere"))

    def connector(self) -> Connector:
        return FolderConnector(Folder(self.root, self.root.parent / "data"), LIMITS)


@asynccontextmanager
async def fake(folder: Path):
    yield FakePlace()


@asynccontextmanager
async def local_folder(folder: Path):
    root = folder / "documents"
    root.mkdir()
    yield FolderPlace(root)


PLACES: list[Callable[[Path], AbstractAsyncContextManager[Place]]] = [fake, local_folder]
