import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from ragkeeper.ingestion.sources.models import Watching
from ragkeeper.ingestion.sources.watching import FolderWatcher, Timing, Watched, _is_shown, _reason
from ragkeeper.jobs.errors import JobsUnavailable
from tests.waiting import until

QUICK = Timing(debounce_ms=50, look_every_ms=50, again_after=0.05)
LONGER = 0.3
"""Seconds by which a change would have been told: that nothing comes can only be waited for."""


class Bell:
    def __init__(self) -> None:
        self.rung = 0

    async def ring(self) -> None:
        self.rung += 1


def watches(folder: Path) -> int:
    """How many of this process's watches the kernel holds on a folder."""
    wanted = f" ino:{folder.stat().st_ino:x} "
    n_found = 0
    for info in Path("/proc/self/fdinfo").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            n_found += info.read_text().count(wanted)
    return n_found


@pytest.fixture
async def watching(tmp_path: Path):
    states: dict[str, Watching] = {}
    watcher = FolderWatcher(states, tmp_path / "data", QUICK)
    yield watcher, states
    await watcher.stop()
    assert states == {}


async def test_changes_ring_and_hidden_ones_do_not(tmp_path: Path, watching) -> None:
    watcher, states = watching
    bell = Bell()
    await watcher.watch({"s": Watched(tmp_path, bell.ring)})
    await until(lambda: watches(tmp_path))
    assert states == {"s": Watching(works=True)}
    (tmp_path / ".hidden").write_text("x")
    await asyncio.sleep(LONGER)
    assert bell.rung == 0
    (tmp_path / "a.md").write_text("x")
    await until(lambda: bell.rung)


async def test_what_the_server_writes_itself_is_no_change(tmp_path: Path, watching) -> None:
    watcher, _ = watching
    bell, alias, data = Bell(), tmp_path.with_name(f"{tmp_path.name}-alias"), tmp_path / "data"
    alias.symlink_to(tmp_path)
    data.mkdir()
    await watcher.watch({"s": Watched(tmp_path, bell.ring), "t": Watched(alias, bell.ring)})
    await until(lambda: watches(data) == 2)
    (data / "ragkeeper.db").write_text("x")
    await asyncio.sleep(LONGER)
    assert bell.rung == 0
    (tmp_path / "a.md").write_text("x")
    await until(lambda: bell.rung == 2)


@pytest.mark.parametrize("error", [JobsUnavailable(reason="locked"), ValueError("SELECT secret")])
async def test_a_change_that_cannot_be_told_is_told_again(tmp_path: Path, watching, error: Exception) -> None:
    watcher, states = watching
    bell = Bell()

    async def ring() -> None:
        await bell.ring()
        if bell.rung == 1:
            raise error

    await watcher.watch({"s": Watched(tmp_path, ring)})
    await until(lambda: watches(tmp_path))
    (tmp_path / "a.md").write_text("x")
    await until(lambda: bell.rung == 2)
    assert states["s"] == Watching(works=True)


async def test_a_folder_that_is_not_there_is_said_and_watched_when_it_comes(tmp_path: Path, watching) -> None:
    watcher, states = watching
    bell, folder = Bell(), tmp_path / "later"
    await watcher.watch({"s": Watched(folder, bell.ring)})
    await until(lambda: states.get("s") is not None and not states["s"].works)
    assert "No such file" in states["s"].reason
    folder.mkdir()
    await until(lambda: states["s"].works and bell.rung)


async def test_a_folder_that_is_exchanged_is_looked_at_and_watched_again(tmp_path: Path, watching) -> None:
    watcher, states = watching
    bell, folder = Bell(), tmp_path / "mount"
    folder.mkdir()
    await watcher.watch({"s": Watched(folder, bell.ring)})
    await until(lambda: watches(folder))
    folder.rename(tmp_path / "elsewhere")
    folder.mkdir()
    await until(lambda: bell.rung)
    await until(lambda: watches(folder))
    rung = bell.rung
    (folder / "a.md").write_text("x")
    await until(lambda: bell.rung > rung)
    assert states["s"] == Watching(works=True)


async def test_what_is_not_wanted_any_more_is_not_watched(tmp_path: Path, watching) -> None:
    watcher, states = watching
    bell = Bell()
    await watcher.watch({"s": Watched(tmp_path, bell.ring), "t": Watched(tmp_path, bell.ring)})
    await until(lambda: len(states) == 2)
    await watcher.watch({"t": Watched(tmp_path, bell.ring)})
    assert states.keys() == {"t"}


@pytest.mark.parametrize(
    ("path", "shown"), [("/r/a.md", True), ("/r/.git/x", False), ("/r/b/.x", False), ("/elsewhere/.x", True)]
)
def test_hidden_files_are_no_part_of_a_source(path: str, shown: bool) -> None:
    assert _is_shown(Path("/r"), path) is shown


def test_a_reason_holds_nothing_unexpected() -> None:
    assert _reason(ValueError("SELECT secret")) == "ValueError inside the server."
    assert _reason(JobsUnavailable(reason="locked")) == "The record of durable jobs cannot be opened: locked."
    assert _reason(FileNotFoundError(2, "No such file")) == "[Errno 2] No such file"
