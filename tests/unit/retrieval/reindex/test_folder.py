from datetime import UTC, datetime
from pathlib import Path

import pytest

from ragkeeper.retrieval.reindex.folder import IndexFolder, Pointer, generation_name, job_of

NOW = datetime(2026, 11, 20, 10, 11, 12, tzinfo=UTC)


def test_the_pointer_comes_back(tmp_path: Path) -> None:
    folder = IndexFolder(tmp_path / "index")
    assert folder.pointer() is None
    for pointer in (Pointer("a"), Pointer("b", "a")):
        folder.point(pointer)
        assert folder.pointer() == pointer
    assert Pointer("b", "a").names == {"a", "b"}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"serving": "a"}', "null"])
def test_a_damaged_pointer_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "serving.json").write_text(content)
    assert IndexFolder(tmp_path).pointer() is None


def test_leftovers_go_and_what_is_wanted_stays(tmp_path: Path) -> None:
    folder = IndexFolder(tmp_path)
    folder.point(Pointer("a"))
    for name in ("a", "building", "shard-of-another-time"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(bytes(5000))
    (tmp_path / "index.json").touch()
    assert folder.remove_leftovers({"a", "building"}) == ["index.json", "shard-of-another-time"]
    assert folder.pointer() == Pointer("a")
    assert folder.exists("building")
    assert folder.size("building") >= 5000


def test_damaged_generations_lie_beside_the_index_under_dated_names(tmp_path: Path) -> None:
    folder = IndexFolder(tmp_path / "index")
    for name in ("a", "b"):
        folder.path(name).mkdir(parents=True)
        folder.put_aside(name, NOW)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["index", "index-aside-20261120T101112", "index-aside-20261120T101112-again"]


def test_a_generation_tells_when_and_by_which_job_it_was_made() -> None:
    name = generation_name(NOW, "0123")
    assert (name, job_of(name)) == ("20261120T101112-0123", "0123")
