import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from ragkeeper.storage.files.data_folder import DataFolder, replace_file
from ragkeeper.storage.files.errors import DataFolderInUse, DataFolderUnusable


def made(path: Path) -> DataFolder:
    folder = DataFolder(path)
    folder.create()
    return folder


def test_the_key_is_generated_once_and_private(tmp_path: Path) -> None:
    folder = made(tmp_path / "data")
    key = folder.api_key()
    assert key == folder.api_key()
    assert len(key) > 40
    assert stat.S_IMODE((folder.secrets / "api_key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.secrets.stat().st_mode) == 0o700


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    first, second = made(tmp_path), DataFolder(tmp_path)
    first.lock()
    first.announce("http://127.0.0.1:1")
    with pytest.raises(DataFolderInUse) as caught:
        second.lock()
    assert str(os.getpid()) in caught.value.advice
    assert second.server() == {"url": "http://127.0.0.1:1", "pid": os.getpid()}
    assert second.server_process() == os.getpid()
    first.unlock()
    assert second.server() is None
    second.lock()
    second.unlock()


def test_a_new_owner_finds_the_work_folder_empty_and_nobody_else_touches_it(tmp_path: Path) -> None:
    folder = made(tmp_path / "data")
    folder.lock()
    (folder.work / "left" / "deep").mkdir(parents=True)
    (folder.work / "left" / "file").write_text("")
    (folder.work / "outside").symlink_to(tmp_path)
    with pytest.raises(DataFolderInUse):
        DataFolder(folder.path).lock()
    assert len(list(folder.work.iterdir())) == 2
    folder.unlock()
    folder.lock()
    assert not list(folder.work.iterdir())
    assert stat.S_IMODE(folder.work.stat().st_mode) == 0o700
    assert folder.path.is_dir()
    folder.unlock()


def test_an_announcement_without_its_owner_is_not_believed(tmp_path: Path) -> None:
    folder = made(tmp_path)
    folder.announce("http://127.0.0.1:1")
    assert folder.server() is None


@pytest.mark.parametrize("announced", ["", "[]", '{"url": "http://127.0.0.1:1"}', '{"pid": "none"}'])
def test_an_announcement_that_cannot_be_read_names_no_process(tmp_path: Path, announced: str) -> None:
    folder = made(tmp_path)
    folder.lock()
    (folder.path / "server.json").write_text(announced)
    assert folder.server_process() is None
    folder.unlock()


def test_a_process_that_ended_is_no_server(tmp_path: Path) -> None:
    folder = made(tmp_path)
    folder.lock()
    with subprocess.Popen(["/bin/true"]) as ended:
        ended.wait()
    (folder.path / "server.json").write_text(json.dumps({"url": "http://127.0.0.1:1", "pid": ended.pid}))
    assert folder.server_process() is None
    folder.unlock()


def test_a_place_that_cannot_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderUnusable, match="Not a directory"):
        DataFolder(tmp_path / "file" / "data").create()


def test_a_replaced_file_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "x"
    replace_file(target, b"one")
    replace_file(target, b"two", mode=0o600)
    assert target.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [target]


def test_files_that_were_half_written_when_a_process_was_killed_go_with_the_next_owner(tmp_path: Path) -> None:
    folder = made(tmp_path)
    left = [tmp_path / ".server.json.4711", folder.secrets / ".api_key.4711"]
    for file in left:
        file.write_text("half")
    kept = tmp_path / ".notes"
    kept.write_text("not ours")
    folder.lock()
    assert not any(file.exists() for file in left)
    assert kept.exists()
    folder.unlock()


def test_what_stands_where_a_folder_belongs_is_named(tmp_path):
    (tmp_path / "logs").touch()
    with pytest.raises(DataFolderUnusable, match=r"File exists: .*/logs'"):
        DataFolder(tmp_path).create()
