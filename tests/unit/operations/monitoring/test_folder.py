import os
from pathlib import Path

import pytest

from ragkeeper.operations.monitoring.errors import FolderUnusable, ForeignFiles
from ragkeeper.operations.monitoring.folder import ExportFolder
from ragkeeper.operations.monitoring.models import File

OLD = {"a.yml": File("one"), "rules/b.yml": File("two"), "secrets/key": File("hush", secret=True)}
NEW = {"a.yml": File("three"), "c.yml": File("four")}


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def test_a_first_export_makes_the_folder_and_keeps_secrets(tmp_path: Path):
    found = ExportFolder(tmp_path / "x" / "y").write(OLD)
    assert found.new == ("a.yml", "rules/b.yml", "secrets/key")
    assert content(tmp_path / "x" / "y") == {"a.yml": "one", "rules/b.yml": "two", "secrets/key": "hush"}
    assert (tmp_path / "x/y/secrets/key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "x/y/a.yml").stat().st_mode & 0o777 == 0o644


def test_a_second_export_changes_adds_and_removes(tmp_path: Path):
    folder = ExportFolder(tmp_path / "x")
    folder.write(OLD)
    found = folder.write(NEW)
    assert (found.new, found.changed, found.gone) == (("c.yml",), ("a.yml",), ("rules/b.yml", "secrets/key"))
    assert content(tmp_path / "x") == {"a.yml": "three", "c.yml": "four"}
    assert folder.difference(NEW).nothing
    assert folder.write(NEW).nothing


def test_files_of_others_stay_as_they_are(tmp_path: Path):
    folder = ExportFolder(tmp_path / "x")
    folder.write(OLD)
    mine = tmp_path / "x" / "rules" / "mine.yml"
    mine.write_text("mine")
    number = mine.stat().st_ino
    assert folder.difference(NEW).foreign == ()
    folder.write(NEW)
    assert content(tmp_path / "x") == {"a.yml": "three", "c.yml": "four", "rules/mine.yml": "mine"}
    assert mine.stat().st_ino == number


@pytest.mark.parametrize("by", ["before", "after"])
def test_what_others_wrote_or_changed_is_never_overwritten_silently(tmp_path: Path, by: str):
    folder = ExportFolder(tmp_path / "x")
    if by == "after":
        folder.write(OLD)
    (tmp_path / "x").mkdir(exist_ok=True)
    (tmp_path / "x" / "a.yml").write_text("by hand")
    before = content(tmp_path / "x")
    with pytest.raises(ForeignFiles, match=r"a\.yml"):
        folder.write(NEW)
    assert content(tmp_path / "x") == before
    folder.write(NEW, replace=True)
    assert content(tmp_path / "x") == {"a.yml": "three", "a.yml.before": "by hand", "c.yml": "four"}


def test_an_open_secret_is_a_change(tmp_path: Path):
    folder = ExportFolder(tmp_path / "x")
    folder.write(OLD)
    (tmp_path / "x/secrets/key").chmod(0o644)
    assert folder.difference(OLD).changed == ("secrets/key",)
    folder.write(OLD)
    assert (tmp_path / "x/secrets/key").stat().st_mode & 0o777 == 0o600


def test_readers_see_the_old_files_or_the_new_ones(tmp_path: Path):
    """Whoever holds the old folder sees the old files; whoever opens it anew sees all of the new ones."""
    folder = ExportFolder(tmp_path / "x")
    folder.write(OLD)
    held = os.open(tmp_path / "x", os.O_RDONLY)
    old = os.open("a.yml", os.O_RDONLY, dir_fd=held)
    folder.write(NEW)
    assert os.read(old, 100) == b"one"
    assert {path.name for path in (tmp_path / "x").iterdir()} == {"a.yml", "c.yml", ".ragkeeper-monitoring.json"}
    for handle in (old, held):
        os.close(handle)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_failure_changes_nothing_and_leaves_nothing_behind(tmp_path: Path):
    folder = ExportFolder(tmp_path / "x")
    folder.write(OLD)
    before = content(tmp_path / "x")
    with pytest.raises(FolderUnusable):
        folder.write({**NEW, "a.yml/impossible": File("x")})
    assert content(tmp_path / "x") == before
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_file_is_no_folder(tmp_path: Path):
    (tmp_path / "x").write_text("x")
    with pytest.raises(FolderUnusable, match="no folder"):
        ExportFolder(tmp_path / "x").write(OLD)


def test_folders_of_others_keep_their_modes_also_the_empty_ones(tmp_path: Path):
    place = tmp_path / "x"
    (place / "keys").mkdir(parents=True)
    (place / "keys").chmod(0o700)
    (place / "keys" / "mine").write_text("hush")
    (place / "empty").mkdir(mode=0o750)
    (place / "elsewhere").symlink_to(tmp_path)
    place.chmod(0o2750)
    ExportFolder(place).write(OLD)
    modes = {path.name: path.stat().st_mode & 0o7777 for path in (place, place / "keys", place / "empty")}
    assert modes == {"x": 0o2750, "keys": 0o700, "empty": 0o750}
    assert (place / "elsewhere").is_symlink()
    ExportFolder(place).write(NEW)
    assert not (place / "secrets").exists()
    assert (place / "empty").is_dir()


@pytest.mark.parametrize("name", ["ragkeeper.db", "ragkeeper-data/ragkeeper.db", "secrets/api_key"])
def test_a_folder_with_the_data_of_a_server_is_left_alone(tmp_path: Path, name: str):
    (tmp_path / "x" / name).parent.mkdir(parents=True)
    (tmp_path / "x" / name).touch()
    number = (tmp_path / "x").stat().st_ino
    with pytest.raises(FolderUnusable, match="the data of a server"):
        ExportFolder(tmp_path / "x").write(OLD)
    assert (tmp_path / "x").stat().st_ino == number
