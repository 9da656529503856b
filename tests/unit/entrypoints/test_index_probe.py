import shutil
from pathlib import Path

import pytest

from ragkeeper.entrypoints.index_probe import index_probe, look
from ragkeeper.operations.health.models import ComponentState, ProbeResult
from ragkeeper.providers.embedding.fake import FakeEmbedder
from ragkeeper.retrieval.reindex.folder import IndexFolder
from ragkeeper.retrieval.switching import Generation, SwitchableIndex
from ragkeeper.storage.vectors.errors import IndexUnreadable
from ragkeeper.storage.vectors.fake import FakeIndex
from ragkeeper.storage.vectors.layout import Manifest, write_manifest

FINE = ProbeResult(ComponentState.HEALTHY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    manifest = Manifest.fresh(8, "auto")
    (tmp_path / manifest.shard).mkdir()
    write_manifest(tmp_path, manifest)
    return tmp_path


def test_an_index_as_it_should_be_is_fine(folder: Path) -> None:
    assert look(folder, 8) is None


def test_an_index_for_another_dimension_is_told(folder: Path) -> None:
    found = look(folder, 384)
    assert found is not None
    assert found.code == "index_mismatch"


def test_an_index_whose_files_are_gone_is_told(folder: Path) -> None:
    shutil.rmtree(next(folder.glob("shard-*")))
    found = look(folder, 8)
    assert found is not None
    assert found.code == "index_folder_gone"
    (folder / "index.json").unlink()
    assert look(folder, 8) == found


def test_a_damaged_manifest_is_told(folder: Path) -> None:
    (folder / "index.json").write_text("{")
    with pytest.raises(IndexUnreadable):
        look(folder, 8)


async def test_an_index_that_does_not_answer_is_not_looked_at(tmp_path: Path) -> None:
    answer = ProbeResult(ComponentState.UNHEALTHY, "away", "index_failed")

    async def answers() -> ProbeResult:
        return answer

    embedder = FakeEmbedder(8)
    index = SwitchableIndex(Generation("g", embedder.name, FakeIndex(8)))
    probe = index_probe(answers, index, embedder, IndexFolder(tmp_path))
    assert await probe() is answer
    answer = FINE
    assert (await probe()).code == "index_folder_gone"
