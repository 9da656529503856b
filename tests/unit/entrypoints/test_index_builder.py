import asyncio
import os
import signal
from pathlib import Path

import pytest

from ragkeeper.entrypoints.index_builder import ChildBuilder
from ragkeeper.retrieval.reindex.errors import IndexBuildFailed
from ragkeeper.retrieval.reindex.folder import IndexFolder
from ragkeeper.retrieval.reindex.models import Portion
from tests.wired import wired


@pytest.mark.parametrize("how", ["interrupt", "terminate"])
async def test_a_signal_for_the_whole_group_does_not_make_the_builder_fail(tmp_path: Path, how: str) -> None:
    """Ctrl-C, or a service manager that asks every process to end: the job goes on with the next start."""
    async with wired(tmp_path) as product:
        for number in range(3):
            await product.add(f"{number}.md", f"Pump number{number} needs care.")
        await product.settle()
        before = _children()
        builder = ChildBuilder(product.database, IndexFolder(tmp_path / "index"), "none")
        begun = asyncio.Event()
        building = asyncio.create_task(builder.fill(Portion("g-1", "fake", 64, 0, 1000), lambda _done: begun.set()))
        await begun.wait()
        [child] = _children() - before
        if how == "terminate":
            os.kill(child, signal.SIGTERM)
        assert os.getpgid(child) != os.getpgid(0)
        filled = await building
    assert (filled.chunks, filled.complete) == (3, True)


async def test_a_database_that_is_gone_is_told_and_not_made_anew(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        file = _database(tmp_path)
        file.rename(tmp_path / "elsewhere")
        builder = ChildBuilder(product.database, IndexFolder(tmp_path / "index"), "none")
        with pytest.raises(IndexBuildFailed, match="is gone"):
            await builder.fill(Portion("g-1", "fake", 64, 0, 1000), lambda _done: None)
        assert not file.exists()
        (tmp_path / "elsewhere").rename(file)


def _database(folder: Path) -> Path:
    [file] = folder.glob("*.db")
    return file


def _children() -> set[int]:
    """Other tests of this process may have left some too."""
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    if not children.exists():
        pytest.skip("this system does not tell of children there")
    return {int(child) for child in children.read_text().split()}
