import os
from contextlib import aclosing
from pathlib import Path

import pytest

from ragkeeper.ingestion.sources.connectors.errors import ItemUnavailable
from ragkeeper.ingestion.sources.connectors.folder import Folder, FolderConnector, _UnreadableFolderError
from ragkeeper.ingestion.sources.connectors.port import Found, ScanLimits, Unreadable
from ragkeeper.ingestion.sources.errors import FolderRefused, SourceUnreachable

LIMITS = ScanLimits(largest_bytes=1000, most_items=1000)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    (folder / "below").mkdir(parents=True)
    (folder / "a.md").write_text("A text.", encoding="utf-8")
    (folder / "below" / "b.txt").write_text("B text.", encoding="utf-8")
    return folder


def connector(root: Path, data: Path | None = None, **patterns: tuple[str, ...]) -> FolderConnector:
    return FolderConnector(Folder(root, data or root.parent / "data", **patterns), LIMITS)


def move_away(root: Path) -> None:
    root.rename(root.with_name("elsewhere"))


def uncover(root: Path) -> None:
    """What an unmounted disk leaves behind: the empty folder that it was mounted over."""
    move_away(root)
    root.mkdir()


async def scan(made: FolderConnector, known: dict[str, str] | None = None) -> list[Found | Unreadable]:
    async with aclosing(made.scan(known or {})) as items:
        return [item async for item in items]


async def keys(made: FolderConnector) -> list[str]:
    return sorted(item.key for item in await scan(made))


async def test_hidden_files_and_folders_are_left_out(root: Path) -> None:
    (root / ".hidden.md").touch()
    (root / ".git").mkdir()
    (root / ".git" / "config.md").touch()
    assert await keys(connector(root)) == ["a.md", "below/b.txt"]


async def test_links_lead_to_files_inside_the_folder_only(root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("Not for you.", encoding="utf-8")
    (root / "alias.md").symlink_to(root / "a.md")
    (root / "leak.md").symlink_to(outside / "secret.md")
    (root / "leaks").symlink_to(outside)
    (root / "circle").symlink_to(root)
    (root / "broken.md").symlink_to(root / "nothing.md")
    assert await keys(connector(root)) == ["a.md", "alias.md", "below/b.txt"]


async def test_the_folder_itself_may_be_reached_by_a_link(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    assert await keys(connector(link)) == ["a.md", "below/b.txt"]


async def test_what_is_no_file_is_left_out(root: Path) -> None:
    os.mkfifo(root / "pipe")
    assert await keys(connector(root)) == ["a.md", "below/b.txt"]


async def test_the_servers_own_folder_below_is_left_out(root: Path) -> None:
    data = root / "ragkeeper-data"
    data.mkdir()
    (data / "ragkeeper.db").touch()
    assert await keys(connector(root, data)) == ["a.md", "below/b.txt"]


@pytest.mark.parametrize(
    ("include", "exclude", "found"),
    [
        (("*.md",), (), ["a.md"]),
        ((), ("below/*",), ["a.md"]),
        (("*.md", "*.txt"), ("a*",), ["below/b.txt"]),
        (("*.pdf",), (), []),
    ],
)
async def test_patterns_choose(root: Path, include, exclude, found) -> None:
    assert await keys(connector(root, include=include, exclude=exclude)) == found


async def test_a_name_that_is_no_text_is_written_out(root: Path) -> None:
    (root / os.fsdecode(b"caf\xe9.md")).touch()
    assert "caf\\xe9.md" in await keys(connector(root))


async def test_a_file_that_cannot_be_looked_at_is_there_and_unreadable(root: Path) -> None:
    (root / "self.md").symlink_to(root / "self.md")
    [loop] = [item for item in await scan(connector(root)) if item.key == "self.md"]
    assert isinstance(loop, Unreadable)
    assert "levels of symbolic links" in loop.message


async def test_a_folder_that_cannot_be_read_keeps_what_was_known_of_it(root: Path) -> None:
    class Refusing(FolderConnector):
        """Permissions would not stop everybody who runs this test."""

        def _list(self, folder: Path):
            if folder.name == "below":
                raise _UnreadableFolderError("below", PermissionError(13, "Permission denied"))
            return super()._list(folder)

    found = await scan(Refusing(Folder(root, root.parent / "data"), LIMITS), {"below/b.txt": "1", "gone.md": "2"})
    assert [item.key for item in found if isinstance(item, Found)] == ["a.md"]
    assert [item.key for item in found if isinstance(item, Unreadable)] == ["below", "below/b.txt"]


@pytest.mark.parametrize("spoil", ["gone", "file"])
async def test_a_root_that_is_not_there_is_no_empty_folder(root: Path, spoil: str) -> None:
    made = connector(root)
    move_away(root)
    if spoil == "file":
        root.write_text("No folder.")  # noqa: ASYNC240 - one small file
    with pytest.raises(SourceUnreachable):
        await scan(made)


async def test_a_root_that_goes_during_the_scan_is_an_error(root: Path) -> None:
    async with aclosing(connector(root).scan({})) as items:
        assert (await anext(items)).key == "a.md"
        move_away(root)
        with pytest.raises(SourceUnreachable):
            [item async for item in items]


async def test_a_file_that_is_replaced_by_another_before_it_is_opened_is_not_read(root: Path) -> None:
    found = next(item for item in await scan(connector(root)) if isinstance(item, Found))
    (root / "a.md").rename(root / "old.md")
    (root / "a.md").symlink_to("/etc/hostname")
    with pytest.raises(ItemUnavailable):
        async with found.content():
            pass
    (root / "a.md").unlink()
    (root / "a.md").write_text("Another file.", encoding="utf-8")
    with pytest.raises(ItemUnavailable, match="replaced"):
        async with found.content():
            pass


@pytest.mark.parametrize("path", ["/", "/proc", "/proc/self", "/sys/kernel", "/dev", "documents", "../x"])
def test_what_belongs_to_the_system_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(FolderRefused):
        connector(Path(path), tmp_path)


def test_the_data_folder_and_what_is_in_it_are_refused_by_any_name(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "files").mkdir(parents=True)
    (tmp_path / "link").symlink_to(data)
    for path in (data, data / "files", tmp_path / "link", tmp_path / "x" / ".." / "data"):
        with pytest.raises(FolderRefused, match="own data"):
            connector(path, data)


async def test_a_link_that_comes_to_lead_into_the_data_folder_is_refused_when_it_is_read(root: Path) -> None:
    data, link = root.parent / "data", root.parent / "link"
    data.mkdir()
    link.symlink_to(root)
    made = connector(link, data)
    link.unlink()
    link.symlink_to(data)
    with pytest.raises(FolderRefused):
        await scan(made)


async def test_a_root_that_becomes_another_folder_during_the_scan_is_an_error(root: Path) -> None:
    async with aclosing(connector(root).scan({})) as items:
        await anext(items)
        uncover(root)
        with pytest.raises(SourceUnreachable):
            [item async for item in items]


async def test_a_folder_that_becomes_a_link_during_the_scan_leads_nowhere(root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("Not for you.", encoding="utf-8")
    async with aclosing(connector(root).scan({})) as items:
        await anext(items)
        (root / "below").rename(root.parent / "moved")
        (root / "below").symlink_to(outside)
        assert [item.key async for item in items] == []


async def test_a_file_whose_folder_becomes_a_link_before_it_is_opened_is_not_read(root: Path) -> None:
    [found] = [item for item in await scan(connector(root)) if item.key == "below/b.txt"]
    (root / "below").rename(root.parent / "moved")
    (root / "below").symlink_to(root.parent / "moved")  # even to the very same file
    with pytest.raises(ItemUnavailable):
        async with found.content():
            pass


def test_a_root_that_cannot_be_read_keeps_all_that_was_known() -> None:
    error = _UnreadableFolderError(".", OSError(5, "Input/output error"))
    kept = FolderConnector._below(error, {"a.md": "1", "below/b.txt": "2"})
    assert [item.key for item in kept] == [".", "a.md", "below/b.txt"]
