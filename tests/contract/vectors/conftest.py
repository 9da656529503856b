"""Every index that must keep the contract. Add a line to OPENERS for another one."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from ragkeeper.storage.vectors.embedded import EmbeddedIndex
from ragkeeper.storage.vectors.fake import FakeIndex
from ragkeeper.storage.vectors.port import VectorIndex

DIMENSION = 4
Opener = Callable[[Path], Awaitable[VectorIndex]]


async def open_embedded(path: Path) -> VectorIndex:
    return await EmbeddedIndex.open(path, DIMENSION)


async def open_fake(path: Path) -> VectorIndex:
    return FakeIndex.from_snapshot(path, DIMENSION) if path.exists() else FakeIndex(DIMENSION)  # noqa: ASYNC240 - one stat


OPENERS: dict[str, Opener] = {"embedded": open_embedded, "fake": open_fake}


MEMORY = Path("/dev/shm")  # noqa: S108 - a test folder under a random name


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder in memory where the system has one: the engine syncs some sixty files when an index is made."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(params=OPENERS)
def opener(request: pytest.FixtureRequest) -> Opener:
    return OPENERS[request.param]


@pytest.fixture
async def index(opener: Opener, folder: Path) -> AsyncIterator[VectorIndex]:
    opened = await opener(folder / "index")
    yield opened
    await opened.close()
