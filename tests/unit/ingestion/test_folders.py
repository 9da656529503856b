import os

import pytest

from ragkeeper.ingestion.folders import FoundFile, NotFound, find_files, name_of


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "docs"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / ".git").mkdir()
    for name in ("b.md", "a.md", "sub/c.txt", "sub/deep/d.txt", ".hidden", ".git/config", "sub/.secret"):
        (root / name).write_text(name)
    return root


def names(*paths):
    return [found.name for found in find_files(paths)]


def test_folders_are_read_to_the_bottom_in_order_without_hidden_files(folder):
    assert names(folder) == ["docs/a.md", "docs/b.md", "docs/sub/c.txt", "docs/sub/deep/d.txt"]


def test_names_begin_below_the_parent_of_what_was_given(folder):
    assert names(folder / "sub") == ["sub/c.txt", "sub/deep/d.txt"]
    assert names(folder / "a.md") == ["a.md"]
    assert names(folder / "sub" / "..") == names(folder)


def test_a_hidden_file_that_is_named_is_meant(folder):
    assert names(folder / ".hidden") == [".hidden"]


def test_what_is_not_there_is_told_and_the_rest_goes_on(folder):
    missing, found = find_files([folder / "nope.md", folder / "a.md"])
    assert isinstance(missing, NotFound)
    assert missing.error.code == "file_missing"
    assert "No such file" in missing.error.message
    assert found == FoundFile(folder / "a.md", "a.md")


def test_links_to_files_are_followed_and_links_to_folders_are_not(folder):
    (folder / "link.md").symlink_to(folder / "a.md")
    (folder / "loop").symlink_to(folder)
    (folder / "nowhere").symlink_to(folder / "gone")
    found = {item.name: item for item in find_files([folder])}
    assert isinstance(found["docs/link.md"], FoundFile)
    assert isinstance(found["docs/nowhere"], NotFound)
    assert not any(name.startswith("docs/loop") for name in found)


def test_a_pipe_is_not_waited_for(folder):
    os.mkfifo(folder / "pipe")
    [pipe] = [item for item in find_files([folder]) if item.name == "docs/pipe"]
    assert isinstance(pipe, NotFound)
    assert "not a regular file" in pipe.error.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_folder_is_told_and_the_rest_goes_on(folder):
    (folder / "sub").chmod(0)
    found = list(find_files([folder]))
    (folder / "sub").chmod(0o700)
    assert [item.name for item in found if isinstance(item, NotFound)] == ["docs/sub"]
    assert len(found) == 3


def test_bytes_that_are_no_text_are_written_out(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    assert name_of(path, tmp_path) == "caf\\xe9.txt"
