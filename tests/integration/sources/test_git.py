import asyncio
import base64
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from dulwich.objects import Blob
from dulwich.repo import Repo

from ragkeeper.ingestion.sources.connectors.errors import SourceTooLarge
from ragkeeper.ingestion.sources.connectors.fetch import Fetcher, FetchLimits
from ragkeeper.ingestion.sources.connectors.git import GitConnector, Repository
from ragkeeper.ingestion.sources.connectors.git_transport import Credential
from ragkeeper.ingestion.sources.connectors.port import ScanLimits, Unreadable
from ragkeeper.ingestion.sources.errors import AddressRefused, FolderRefused, SourceUnreachable
from tests.integration.sources.git_server import FILE, LINK, SUBMODULE, Author, Quiet, publish
from tests.integration.sources.web_server import Reply, serve

LIMITS = ScanLimits(largest_bytes=1000, most_items=50)


@pytest.fixture
def author(tmp_path: Path) -> Iterator[Author]:
    author = Author(tmp_path / "origin")
    yield author
    author.repo.close()


def connector(location: str, tmp_path: Path, limits: ScanLimits = LIMITS, **options: object) -> GitConnector:
    fetcher = Fetcher(["127.0.0.1"], FetchLimits(attempts=1))
    repository = Repository(location, **options)
    return GitConnector(repository, limits, fetcher, tmp_path / "cache", tmp_path / "data")


class Seen:
    def __init__(self) -> None:
        self.marks: dict[str, str] = {}
        self.bodies: dict[str, bytes] = {}
        self.unreadable: dict[str, Unreadable] = {}


async def scan(source: GitConnector, known: dict[str, str] | None = None) -> Seen:
    seen = Seen()
    try:
        async for item in source.scan(known or {}):
            if isinstance(item, Unreadable):
                seen.unreadable[item.key] = item
                continue
            seen.marks[item.key] = item.fingerprint
            if (known or {}).get(item.key) != item.fingerprint:
                async with item.content() as chunks:
                    seen.bodies[item.key] = b"".join([chunk async for chunk in chunks])
    finally:
        await source.close()
    return seen


def credential(url: str, token: Callable[[], str]) -> Credential:
    return Credential("work", urlsplit(url).netloc, "reader", token)


def basic(token: str) -> str:
    return "Basic " + base64.b64encode(f"reader:{token}".encode()).decode()


FILES = {"README.md": b"# Docs", "a/b/c.txt": b"deep", "a/image.png": b"x", ".github/x.md": b"hidden"}


async def test_files_of_a_repository_on_disk_are_found(author: Author, tmp_path: Path) -> None:
    author.commit(FILES, odd={b"link": (LINK, Blob.from_string(b"x").id), b"module": (SUBMODULE, b"1" * 40)})
    seen = await scan(connector(str(author.path), tmp_path, exclude=("*.png",)))
    assert seen.bodies == {"README.md": b"# Docs", "a/b/c.txt": b"deep"}
    assert seen.marks["README.md"] == Blob.from_string(b"# Docs").id.decode()


async def test_a_working_copy_is_read_at_its_commit(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    with Repo.init(str(tmp_path / "work")) as repo:
        (tmp_path / "work/a.txt").write_text("committed")
        repo.get_worktree().stage(["a.txt"])
        repo.get_worktree().commit(b"first", committer=b"A <a@b>", author=b"A <a@b>")
        (tmp_path / "work/a.txt").write_text("not yet")
    assert (await scan(connector(str(tmp_path / "work"), tmp_path))).bodies == {"a.txt": b"committed"}


async def test_a_repository_is_fetched_and_kept_in_step(author: Author, tmp_path: Path) -> None:
    author.commit({"old.txt": b"old"})
    author.commit(FILES)
    with publish(author.repo) as url:
        first = await scan(connector(url, tmp_path))
        assert set(first.bodies) == {"README.md", "a/b/c.txt", "a/image.png"}
        Quiet.paths.clear()
        again = await scan(connector(url, tmp_path), first.marks)
        assert (again.marks, again.bodies) == (first.marks, {})
        author.commit({"README.md": b"# New", "a/b/c.txt": b"deep"})
        third = await scan(connector(url, tmp_path), first.marks)
    assert third.bodies == {"README.md": b"# New"}
    assert set(third.marks) == {"README.md", "a/b/c.txt"}


async def test_only_the_newest_commit_is_fetched(author: Author, tmp_path: Path) -> None:
    author.commit({"old.txt": b"an old text"})
    author.commit(FILES)
    with publish(author.repo) as url:
        await scan(connector(url, tmp_path))
    with Repo(str(tmp_path / "cache")) as cache:
        assert Blob.from_string(b"an old text").id not in cache.object_store


async def test_a_branch_is_chosen(author: Author, tmp_path: Path) -> None:
    author.commit({"main.txt": b"m"})
    author.commit({"next.txt": b"n"}, branch="v2/next")
    with publish(author.repo) as url:
        for location in (url, str(author.path)):
            assert set((await scan(connector(location, tmp_path, branch="v2/next"))).bodies) == {"next.txt"}
            with pytest.raises(SourceUnreachable, match="no branch gone"):
                await scan(connector(location, tmp_path, branch="gone"))


async def test_a_torn_cache_is_made_anew(author: Author, tmp_path: Path) -> None:
    author.commit(FILES)
    with publish(author.repo) as url:
        first = await scan(connector(url, tmp_path))
        for file in (tmp_path / "cache").rglob("*"):
            if file.is_file():
                file.chmod(0o600)
                file.write_bytes(b"torn")
        assert (await scan(connector(url, tmp_path))).bodies == first.bodies


async def test_an_empty_repository_is_no_empty_source(author: Author, tmp_path: Path) -> None:
    with publish(author.repo) as url:
        for location in (url, str(author.path)):
            with pytest.raises(SourceUnreachable):
                await scan(connector(location, tmp_path))


async def test_what_cannot_be_read_is_named(author: Author, tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5\n"
    missing = Blob.from_string(b"not stored").id
    author.commit({"big.txt": b"x" * 1001, "lfs.pdf": pointer, "a.txt": b"a"}, odd={b"lost.txt": (FILE, missing)})
    seen = await scan(connector(str(author.path), tmp_path))
    assert set(seen.bodies) == {"a.txt"}
    assert {key: item.code for key, item in seen.unreadable.items()} == {
        "big.txt": "source_item_too_large",
        "lfs.pdf": "source_item_unavailable",
        "lost.txt": "source_item_unavailable",
    }


async def test_what_is_too_large_is_not_built_in_memory(author: Author, tmp_path: Path) -> None:
    author.commit({"big.txt": bytes(40_000_000), "a.txt": b"a"})
    author.repo.object_store.pack_loose_objects()
    tracemalloc.start()
    seen = await scan(connector(str(author.path), tmp_path))
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
    assert seen.unreadable["big.txt"].code == "source_item_too_large"
    assert set(seen.bodies) == {"a.txt"}


async def test_too_many_files_are_an_error_and_no_cut(author: Author, tmp_path: Path) -> None:
    author.commit(FILES)
    with pytest.raises(SourceTooLarge):
        await scan(connector(str(author.path), tmp_path, ScanLimits(1000, 2)))


async def test_a_private_repository_is_opened_by_a_token_that_may_change(author: Author, tmp_path: Path) -> None:
    author.commit(FILES)
    token = tmp_path / "token"
    with publish(author.repo, basic("hush")) as url:
        with pytest.raises(SourceUnreachable, match="it is not public"):
            await scan(connector(url, tmp_path))
        told = credential(url, lambda: token.read_text().strip())
        with pytest.raises(SourceUnreachable, match="the token of the profile work cannot be read: No such file"):
            await scan(connector(url, tmp_path, credential=told))
        token.write_text("old\n")
        with pytest.raises(SourceUnreachable, match="the token of the profile work does not open it") as caught:
            await scan(connector(url, tmp_path, credential=told))
        assert "old" not in f"{caught.value}{caught.value.fields}{told}"
        token.write_text("hush\n")
        assert set((await scan(connector(url, tmp_path, credential=told))).bodies) == set(FILES) - {".github/x.md"}
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"hush" in path.read_bytes() for path in kept)


async def test_a_token_is_told_to_its_host_alone(author: Author, tmp_path: Path) -> None:
    author.commit(FILES)
    with publish(author.repo) as url, serve() as site:
        found = await scan(connector(url, tmp_path, credential=credential("https://example.org", lambda: "hush")))
        assert found.bodies
        assert set(Quiet.told) == {""}
        site.routes["/docs/info/refs"] = Reply(
            status=302, headers={"Location": f"{url}/info/refs?service=git-upload-pack"}
        )
        mine = f"{site.url}/docs"
        await scan(connector(mine, tmp_path / "other", credential=credential(mine, lambda: "hush")))
        assert [one.headers["authorization"] for one in site.asked] == [basic("hush")]
        assert set(Quiet.told) == {""}


@pytest.mark.parametrize(
    "location",
    [
        "http://example.org/a.git",
        "https://user:pass@example.org/a.git",
        "ssh://git@example.org/a",
        "git@example.org:a/b.git",
        "git://example.org/a",
        "file:///etc",
        "ext::sh -c id",
        "relative/path",
        "https://0x7f.1/a",
        "-upload-pack=x",
    ],
)
def test_other_ways_to_a_repository_are_refused(location: str, tmp_path: Path) -> None:
    with pytest.raises(AddressRefused):
        connector(location, tmp_path)


def test_the_servers_own_folders_are_refused(tmp_path: Path) -> None:
    for path in ("/proc/1", str(tmp_path / "data" / "x")):
        with pytest.raises(FolderRefused):
            connector(path, tmp_path)


async def test_git_cannot_be_redirected_inside(tmp_path: Path) -> None:
    with serve() as site:
        site.routes["/docs/info/refs"] = Reply(
            status=302, headers={"Location": "http://169.254.169.254/info/refs?service=git-upload-pack"}
        )
        with pytest.raises(AddressRefused):
            await scan(connector(f"{site.url}/docs", tmp_path))


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"", 401),
        Reply(b"", 500),
        Reply(b"<html>", headers={"Content-Type": "text/html"}),
        Reply(b"1" * 40 + b"\trefs/heads/main\n", headers={"Content-Type": "text/plain"}),
        Reply(b"zzzz", headers={"Content-Type": "application/x-git-upload-pack-advertisement"}),
        Reply(b"", headers={"Content-Type": "application/x-git-upload-pack-advertisement"}),
    ],
)
async def test_what_is_no_git_server_is_unreachable(reply: Reply, tmp_path: Path) -> None:
    with serve() as site:
        site.routes["/docs/info/refs"] = reply
        with pytest.raises(SourceUnreachable):
            await scan(connector(f"{site.url}/docs", tmp_path))


async def test_cancelling_ends_a_fetch_that_hangs(tmp_path: Path) -> None:
    asked, hold = threading.Event(), threading.Event()

    def hang(_path: str, _headers: object) -> Reply:
        asked.set()
        hold.wait(5)
        return Reply(b"", 500)

    with serve() as site:
        site.routes["/docs/info/refs"] = hang
        task = asyncio.ensure_future(scan(connector(f"{site.url}/docs", tmp_path)))
        assert await asyncio.to_thread(asked.wait, 5)
        began = time.perf_counter()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.perf_counter() - began < 2
        hold.set()
