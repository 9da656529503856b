"""Files of a branch of a Git repository: on the server's disk, or fetched over https."""

import asyncio
import shutil
import stat
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from dulwich.objects import Blob, Commit, ObjectID, Tag
from dulwich.refs import HEADREF, Ref
from dulwich.repo import Repo

from ragkeeper.ingestion.sources.connectors.errors import ItemTooLarge, ItemUnavailable, SourceTooLarge
from ragkeeper.ingestion.sources.connectors.fetch import Fetcher, FetchLimits
from ragkeeper.ingestion.sources.connectors.git_packs import check_pack, object_bytes
from ragkeeper.ingestion.sources.connectors.git_transport import Bridge, Credential, GuardedGitClient
from ragkeeper.ingestion.sources.connectors.port import Found, ScanLimits, Unreadable
from ragkeeper.ingestion.sources.connectors.rules import is_wanted, require_folder_allowed
from ragkeeper.ingestion.sources.errors import AddressRefused, SourceError, SourceUnreachable

FETCH_LIMITS = FetchLimits(read_seconds=120.0, total_seconds=3600.0)
"""For the fetcher of a Git source: a repository comes in one answer."""

_KEPT = Ref(b"refs/heads/kept")
_MOST_PACKS = 20
_LARGEST_OBJECT = 64 * 1024**2
# Trees may hold one another many times over, so what is not wanted is bounded too.
_ENTRIES_PER_ITEM = 20
_PIECE = 256 * 1024
_STOP_SECONDS = 1.5
_LFS = b"version https://git-lfs.github.com/spec/"
_LONGEST_POINTER = 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Repository:
    """location: an https address or a whole path on the server; branch: empty for the one it shows first.

    Patterns match the path in the repository, see `rules.is_wanted`. credential: None where everybody may read.
    """

    location: str
    branch: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    credential: Credential | None = None


@dataclass(frozen=True, slots=True)
class _File:
    key: str
    blob: ObjectID


class GitConnector:
    """cache: a folder of this source's own, made when needed; it may be removed at any time between scans.

    The fetcher is this connector's own and closed with it. Links, submodules and hidden files are left out.
    Raises AddressRefused for an address, FolderRefused for a path that must not be read.
    """

    def __init__(
        self, repository: Repository, limits: ScanLimits, fetcher: Fetcher, cache: Path, data_folder: Path
    ) -> None:
        self._repository = repository
        self._limits = limits
        self._fetcher = fetcher
        self._cache = cache
        self._is_remote = _require_location(repository.location, fetcher, data_folder)

    async def scan(self, known: Mapping[str, str]) -> AsyncGenerator[Found | Unreadable]:
        bridge = Bridge(asyncio.get_running_loop())
        repo = await _in_thread(lambda: self._open(bridge), bridge)
        try:
            for file in await _in_thread(lambda: self._files(repo), bridge):
                if known.get(file.key) == file.blob.decode("ascii"):
                    yield self._found(file, None)
                else:
                    yield await asyncio.to_thread(self._read, repo, file)
        finally:
            repo.close()

    async def close(self) -> None:
        await self._fetcher.close()

    def _open(self, bridge: Bridge) -> Repo:
        """The repository with the newest commit in it. Raises SourceUnreachable."""
        if not self._is_remote:
            return self._guarded(lambda: _local(self._repository.location, self._limits.largest_bytes))
        if len(list(self._cache.glob("objects/pack/*.pack"))) > _MOST_PACKS:
            shutil.rmtree(self._cache)
        try:
            return self._fetched(bridge)
        except SourceError:
            raise
        except Exception:  # noqa: BLE001 - a cache torn by a crash fails in any way, and a new one costs only time
            shutil.rmtree(self._cache, ignore_errors=True)
            return self._guarded(lambda: self._fetched(bridge))

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except SourceError:
            raise
        except Exception as error:  # what others put in a repository makes the library fail in any way
            reason = f"{type(error).__name__}: {error}".rstrip(":. ")[:300]
            raise SourceUnreachable(location=self._repository.location, reason=reason) from error

    def _fetched(self, bridge: Bridge) -> Repo:
        self._cache.mkdir(parents=True, exist_ok=True)
        has_one = (self._cache / "HEAD").exists()
        repo = Repo(str(self._cache)) if has_one else Repo.init_bare(str(self._cache))
        with ExitStack() as undone:
            undone.callback(repo.close)
            self._fetch(repo, bridge)
            undone.pop_all()
        return repo

    def _fetch(self, repo: Repo, bridge: Bridge) -> None:
        """Only the newest commit of the branch, without its history."""
        wanted: list[ObjectID] = []

        def choose(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:
            del depth
            wanted.append(self._newest(refs))
            return [] if wanted[0] in repo.object_store else wanted

        branch = self._branch()
        url, limit = self._repository.location, self._limits.largest_bytes
        with (
            closing(GuardedGitClient(url, self._fetcher, bridge, self._repository.credential)) as client,
            tempfile.TemporaryFile(dir=self._cache) as pack,
        ):
            result = client.fetch_pack(
                "",
                choose,
                repo.get_graph_walker(),
                pack.write,
                depth=1,
                ref_prefix=[HEADREF if branch is None else branch],
                filter_spec=b"blob:limit=%d" % (limit + 1),
            )
            if pack.tell():
                check_pack(pack, max(limit, _LARGEST_OBJECT), url)
                pack.seek(0)
                repo.object_store.add_thin_pack(pack.read, None)
        repo.update_shallow(result.new_shallow, result.new_unshallow)
        repo.refs[_KEPT] = wanted[0]

    def _branch(self) -> Ref | None:
        return Ref(b"refs/heads/" + self._repository.branch.encode()) if self._repository.branch else None

    def _newest(self, refs: Mapping[Ref, ObjectID]) -> ObjectID:
        found = refs.get(self._branch() or HEADREF)
        if found is None:
            missing = f"no branch {self._repository.branch}" if self._repository.branch else "no commit"
            raise SourceUnreachable(location=self._repository.location, reason=f"it has {missing}")
        return found

    def _files(self, repo: Repo) -> list[_File]:
        """The wanted files of the newest commit. Raises SourceTooLarge when there are too many."""
        return self._guarded(lambda: list(self._walk(repo)))

    def _walk(self, repo: Repo) -> Iterator[_File]:
        commit = repo[repo.refs[_KEPT] if self._is_remote else self._newest(repo.get_refs())]
        while isinstance(commit, Tag):
            commit = repo[commit.object[1]]
        if not isinstance(commit, Commit):
            raise SourceUnreachable(location=self._repository.location, reason="its branch leads to no commit")
        n_files = n_entries = 0
        for entry in repo.object_store.iter_tree_contents(commit.tree):
            key = entry.path.decode("utf-8", "backslashreplace")
            n_entries += 1
            if n_entries > self._limits.most_items * _ENTRIES_PER_ITEM:
                raise SourceTooLarge(location=self._repository.location, limit=f"{self._limits.most_items:,}")
            if not stat.S_ISREG(entry.mode) or not self._is_wanted(key):
                continue
            n_files += 1
            if n_files > self._limits.most_items:
                raise SourceTooLarge(location=self._repository.location, limit=f"{self._limits.most_items:,}")
            yield _File(key, entry.sha)

    def _is_wanted(self, key: str) -> bool:
        is_hidden = any(part.startswith(".") for part in key.split("/"))
        return not is_hidden and is_wanted(key, self._repository.include, self._repository.exclude)

    def _read(self, repo: Repo, file: _File) -> Found | Unreadable:
        if self._is_remote and file.blob not in repo.object_store:
            return _unreadable(file, ItemTooLarge(location=file.key, limit=f"{self._limits.largest_bytes:,}"))
        try:
            # Asked first: the library makes an object whole in memory.
            if self._guarded(lambda: _packed_bytes(repo, file.blob)) > self._limits.largest_bytes:
                return _unreadable(file, ItemTooLarge(location=file.key, limit=f"{self._limits.largest_bytes:,}"))
            data = self._guarded(lambda: _content(repo, file.blob))
        except SourceError as error:
            return _unreadable(file, ItemUnavailable(location=file.key, reason=str(error.fields["reason"])))
        if len(data) > self._limits.largest_bytes:
            return _unreadable(file, ItemTooLarge(location=file.key, limit=f"{self._limits.largest_bytes:,}"))
        if len(data) <= _LONGEST_POINTER and data.startswith(_LFS):
            reason = "its content is kept in Git LFS, which is not read"
            return _unreadable(file, ItemUnavailable(location=file.key, reason=reason))
        return self._found(file, data)

    @staticmethod
    def _found(file: _File, data: bytes | None) -> Found:
        name = PurePosixPath(file.key).name
        return Found(file.key, file.blob.decode("ascii"), file.key, name, lambda: _pieces(file, data))


def _require_location(location: str, fetcher: Fetcher, data_folder: Path) -> bool:
    """Whether a location is on the web. Raises AddressRefused and FolderRefused."""
    if Path(location).is_absolute():
        require_folder_allowed(Path(location).resolve(), data_folder.resolve())
        return False
    target = fetcher.check(location)
    if target.url.scheme == "http" and not target.may_be_private:
        raise AddressRefused(address=location, reason="repositories are fetched over https")
    return True


def _local(location: str, largest_bytes: int) -> Repo:
    repo = Repo(location)
    repo.object_store.loose_object_size_limit = max(largest_bytes, _LARGEST_OBJECT)
    return repo


def _packed_bytes(repo: Repo, blob: ObjectID) -> int:
    """The size of an object that lies in a pack, 0 for others."""
    for pack in repo.object_store.packs:
        try:
            offset = pack.index.object_offset(blob)
        except KeyError:
            continue
        with Path(pack.data.path).open("rb") as file:
            return object_bytes(file, offset, str(pack.data.path))
    return 0


def _content(repo: Repo, blob: ObjectID) -> bytes:
    found = repo.object_store[blob]
    if not isinstance(found, Blob):
        raise TypeError(f"{blob.decode('ascii')} is no file")
    return found.as_raw_string()


def _unreadable(file: _File, error: SourceError) -> Unreadable:
    return Unreadable(file.key, error.code, error.message)


@asynccontextmanager
async def _pieces(file: _File, data: bytes | None) -> AsyncGenerator[AsyncIterator[bytes]]:
    if data is None:
        raise ItemUnavailable(location=file.key, reason="it has not changed, so it was not read")

    async def cut() -> AsyncIterator[bytes]:
        for start in range(0, len(data), _PIECE):
            yield data[start : start + _PIECE]

    yield cut()


async def _in_thread(work: Callable[[], T], bridge: Bridge) -> T:
    """Done in a thread; called off within two seconds when the caller is cancelled."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        bridge.stop()
        task.add_done_callback(_forget)
        await asyncio.wait([task], timeout=_STOP_SECONDS)
        raise


def _forget(task: "asyncio.Future[Any]") -> None:
    """How work that was called off ended is nobody's business any more."""
    if not task.cancelled():
        task.exception()
