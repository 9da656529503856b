"""Status while a part of what it tells of hangs."""

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ragkeeper.entrypoints import status
from ragkeeper.entrypoints.status import Observers, StatusReport
from ragkeeper.operations.degradation.rules import in_force
from ragkeeper.operations.health.models import ComponentState, Disk, Traffic

RESERVE = 50
DISK = Disk("files", "/data/files", 100, 60, 40, 10, 9, 1)
TRAFFIC = Traffic(300, 0, 0.0, *[None] * 6)


class Mount:
    """A disk that may hang, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = threading.Event()
        self.answers.set()

    def disks(self, _paths: object) -> list[Disk]:
        self.asked += 1
        self.answers.wait(60)
        return [DISK]


@pytest.fixture
def mount(monkeypatch: pytest.MonkeyPatch) -> Mount:
    found = Mount()
    monkeypatch.setattr(status.repository, "disks", found.disks)
    return found


def observers() -> Observers:
    async def last_day() -> dict[str, Any]:
        return {}

    traffic = SimpleNamespace(now=lambda: TRAFFIC)
    errors = SimpleNamespace(last_day=last_day)
    return Observers(cast("Any", traffic), cast("Any", errors), cast("Any", None), {"files": Path("/data")}, RESERVE)


def report(watched: Observers) -> StatusReport:
    """Of a server whose other parts know nothing and are well."""

    async def nothing(*_: object) -> dict[str, Any]:
        return {}

    async def backlog() -> tuple[int, None]:
        return 0, None

    async def count() -> SimpleNamespace:
        return SimpleNamespace(points=0, with_vectors=0)

    async def last() -> None:
        return None

    application = SimpleNamespace(
        documents=SimpleNamespace(counts=nothing),
        pipeline=SimpleNamespace(backlog=nothing),
        index=SimpleNamespace(count=count, incomplete=False),
        reconciler=SimpleNamespace(backlog=backlog),
        upkeep=SimpleNamespace(inspector=SimpleNamespace(last=last), loops=lambda: {"read": "It broke.", "jobs": None}),
        providers=nothing,
        embedder=SimpleNamespace(name="m"),
        answers=SimpleNamespace(models=[]),
        degradation=SimpleNamespace(now=in_force((), None)),
        metrics=SimpleNamespace(families=list),
        observers=watched,
    )
    return StatusReport(cast("Any", application))


async def test_disks_are_told_as_the_background_found_them(mount: Mount) -> None:
    watched = observers()
    assert (await watched.probe()).code == "disk_space_low"
    found = await report(watched)()
    assert found["disks"]["files"]["verdict"] == "full"
    assert found["targets"]["disk"]["value"] == 60.0
    assert found["loops"] == {"read": "It broke.", "jobs": None}
    assert (await report(watched).details())["disks"] == found["disks"]
    assert (found["unknown"], mount.asked) == ({}, 1)


async def test_a_disk_that_hangs_is_unknown_and_asked_by_nobody_else(mount: Mount) -> None:
    watched = observers()
    mount.answers.clear()
    looking = asyncio.create_task(watched.probe())
    try:
        for _ in range(5):
            async with asyncio.timeout(30):
                found, told = await report(watched)(), await report(watched).details()
            assert (found["disks"], found["unknown"]) == (None, {"disks": "no_answer"})
            assert found["targets"]["disk"]["value"] is None
            assert (told["disks"], told["degradation"]["step"]) == (None, "full")
        assert mount.asked == 1
    finally:
        mount.answers.set()
    assert (await looking).state is ComponentState.DEGRADED
    assert (await report(watched)())["disks"]


async def test_what_was_seen_long_ago_is_not_known(mount: Mount, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = observers()
    await watched.probe()
    monkeypatch.setattr(status, "_STALE_SECONDS", -1.0)
    assert (watched.disks, mount.asked) == (None, 1)


async def test_figures_that_cannot_be_had_leave_the_rest(mount: Mount, monkeypatch: pytest.MonkeyPatch) -> None:
    def machine() -> None:
        raise TimeoutError

    watched = observers()
    await watched.probe()
    monkeypatch.setattr(status.repository, "machine", machine)
    found = await report(watched)()
    assert (found["machine"], found["targets"], found["unknown"]) == (None, None, {"figures": "no_answer"})
    assert (found["disks"]["files"]["free"], mount.asked) == (40, 1)
