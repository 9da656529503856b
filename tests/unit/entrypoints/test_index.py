from pathlib import Path

from ragkeeper.entrypoints.index import IndexOpener, _open_generations, known_dimension
from ragkeeper.providers.embedding.fake import FakeEmbedder
from ragkeeper.retrieval.reindex.folder import IndexFolder, Pointer
from ragkeeper.storage.vectors.embedded import EmbeddedIndex
from ragkeeper.storage.vectors.layout import Manifest, write_manifest

ONE, TWO = FakeEmbedder(4, name="one"), FakeEmbedder(4, name="two")


async def made(folder: IndexFolder, name: str, embedder: FakeEmbedder) -> str:
    await (await EmbeddedIndex.open(folder.path(name), embedder.dimension, "none", embedder.name)).close()
    return name


async def opened(folder: IndexFolder, embedder: FakeEmbedder, language: str = "none") -> tuple[str, bool, list[str]]:
    """Which generation serves, whether it is a new one, and what the pointer names then."""
    index, lost = await _open_generations(folder, IndexOpener(folder, language), embedder)
    name = index.serving.name
    await index.close()
    pointer = folder.pointer()
    assert pointer is not None
    assert pointer.serving == name
    return name, lost, [pointer.previous] if pointer.previous else []


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_the_first_start_makes_a_generation_and_the_next_opens_it(tmp_path: Path) -> None:
    folder = IndexFolder(tmp_path / "index")
    name, lost, kept = await opened(folder, ONE)
    assert (lost, kept) == (True, [])
    assert await opened(folder, ONE) == (name, False, [])


async def test_a_generation_that_is_gone_is_made_anew(tmp_path: Path) -> None:
    folder = IndexFolder(tmp_path)
    folder.point(Pointer("gone"))
    name, lost, kept = await opened(folder, ONE)
    assert (name != "gone", lost, kept) == (True, True, [])


async def test_a_damaged_one_is_put_aside_and_the_kept_one_serves(tmp_path: Path) -> None:
    folder = IndexFolder(tmp_path / "index")
    for name in ("new", "old"):
        await made(folder, name, ONE)
    folder.point(Pointer("new", "old"))
    (folder.path("new") / "index.json").write_text("{")
    assert await opened(folder, ONE) == ("old", False, [])
    assert [name[:11] for name in names_in(tmp_path)] == ["index", "index-aside"]


async def test_after_a_crash_between_choice_and_pointer_the_model_decides(tmp_path: Path) -> None:
    folder = IndexFolder(tmp_path)
    folder.point(Pointer(await made(folder, "old", ONE), await made(folder, "new", TWO)))
    assert await opened(folder, TWO) == ("new", False, ["old"])
    assert await opened(folder, TWO) == ("new", False, ["old"])
    assert await opened(folder, ONE) == ("old", False, ["new"])


async def test_an_index_of_another_model_is_kept_for_its_return(tmp_path: Path) -> None:
    folder = IndexFolder(tmp_path)
    folder.point(Pointer(await made(folder, "old", ONE)))
    name, lost, kept = await opened(folder, TWO)
    assert (name != "old", lost, kept) == (True, True, ["old"])
    assert await opened(folder, ONE) == ("old", False, [name])


def test_the_length_of_an_endpoints_vectors_is_known_from_its_index(tmp_path: Path) -> None:
    folder = IndexFolder(tmp_path)
    assert known_dimension(folder, "openai:m") is None
    for name, model in (("a", "minilm-l6-v2-int8"), ("b", "m@8")):
        folder.path(name).mkdir()
        write_manifest(folder.path(name), Manifest.fresh(8, "auto", model))
    folder.point(Pointer("a"))
    assert known_dimension(folder, "openai:m") is None
    assert known_dimension(folder, "minilm") is None
    folder.point(Pointer("a", "b"))
    assert known_dimension(folder, "openai:m") == 8
    assert known_dimension(folder, "openai:other") is None
    (folder.path("a") / "index.json").write_text("{")
    assert known_dimension(folder, "openai:m") == 8
