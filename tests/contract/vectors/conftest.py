"""Every index that must keep the contract. Add a line to OPENERS for another one."""

from collections.abc import AsyncIterator, Awaitable, Callable
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


@pytest.fixture(params=OPENERS)
def opener(request: pytest.FixtureRequest) -> Opener:
    return OPENERS[request.param]


@pytest.fixture
async def index(opener: Opener, tmp_path: Path) -> AsyncIterator[VectorIndex]:
    opened = await opener(tmp_path / "index")
    yield opened
    await opened.close()
