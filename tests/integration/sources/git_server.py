"""A Git repository that tests write to, and a server that publishes it."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from dulwich.objects import Blob, Commit, Tree
from dulwich.refs import HEADREF, Ref
from dulwich.repo import Repo
from dulwich.server import DictBackend
from dulwich.web import make_wsgi_chain

FILE, LINK, SUBMODULE = 0o100644, 0o120000, 0o160000
MAIN = "main"


class Author:
    """Commits whole trees to a bare repository."""

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self.path = path
        self.repo = Repo.init_bare(str(path))
        self.repo.refs.set_symbolic_ref(HEADREF, Ref(b"refs/heads/main"))

    def commit(self, files: dict[str, bytes], branch: str = MAIN, odd: dict[bytes, tuple[int, bytes]] | None = None):
        blobs = {name: Blob.from_string(body) for name, body in files.items()}
        tree = self._tree({name: blob.id for name, blob in blobs.items()}, odd or {})
        commit = Commit()
        commit.tree, commit.message = tree, b"change"
        commit.author = commit.committer = b"A <a@example.org>"
        commit.author_time = commit.commit_time = 1_700_000_000
        commit.author_timezone = commit.commit_timezone = 0
        ref = Ref(b"refs/heads/" + branch.encode())
        commit.parents = [self.repo.refs[ref]] if ref in self.repo.refs else []
        for one in (*blobs.values(), commit):
            self.repo.object_store.add_object(one)
        self.repo.refs[ref] = commit.id

    def _tree(self, files: dict[str, bytes], odd: dict[bytes, tuple[int, bytes]]) -> bytes:
        tree = Tree()
        below: dict[str, dict[str, bytes]] = {}
        for name, blob in files.items():
            head, slash, rest = name.partition("/")
            if slash:
                below.setdefault(head, {})[rest] = blob
            else:
                tree.add(name.encode(), FILE, blob)
        for head, rest in below.items():
            tree.add(head.encode(), 0o040000, self._tree(rest, {}))
        for name, (mode, sha) in odd.items():
            tree.add(name, mode, sha)
        self.repo.object_store.add_object(tree)
        return tree.id


class Quiet(WSGIRequestHandler):
    paths: ClassVar[list[str]] = []
    told: ClassVar[list[str]] = []

    def log_request(self, *_: object) -> None:
        self.paths.append(f"{self.command} {self.path}")
        self.told.append(self.headers.get("authorization", ""))


@contextmanager
def publish(repo: Repo, authorization: str | None = None) -> Iterator[str]:
    """authorization: the header without which nobody is served."""
    Quiet.paths.clear()
    Quiet.told.clear()
    chain = make_wsgi_chain(DictBackend({"/docs": repo}))

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if authorization not in {None, environ.get("HTTP_AUTHORIZATION")}:
            start_response("401 Unauthorized", [("WWW-Authenticate", 'Basic realm="git"')])
            return []
        answer: Iterable[bytes] = chain(environ, start_response)
        return answer

    server = make_server("127.0.0.1", 0, guarded, WSGIServer, Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/docs"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
