"""Many files sent at once and followed until each is ready or has failed."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from json import dumps
from typing import Any

from ragkeeper.cli.client import Client
from ragkeeper.cli.errors import CommandFailed, Failure, FileChanged
from ragkeeper.cli.options import Scalar
from ragkeeper.ingestion.errors import FileMissing
from ragkeeper.ingestion.folders import FoundFile, NotFound

_DOCUMENTS = "/api/v1/documents"
_FINAL = frozenset({"ready", "failed", "cancelled"})
# So many uploads are under way at once: while one waits for the disk, the next is received.
_SENDERS = 4
# More files than these are read after what people add one by one.
_MANY = 10
# Up to so many documents are asked for one by one; more are read from the list, a page at a time.
_FEW = 50
_PAGE = 500
# The server has better things to do than to answer how far it is: it is asked for a tenth of the time at most.
_SHARE = 10
_SHORTEST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0

Clock = Callable[[], float]
Sleep = Callable[[float], None]


@dataclass(slots=True)
class Batch:
    """What became of the files so far. `waiting`: names by document id, of documents that are not ready yet."""

    client: Client
    collection: str | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    clock: Clock = time.monotonic
    sleep: Sleep = time.sleep
    accepted: int = 0
    duplicates: int = 0
    ready: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)
    is_bulk: bool = False

    def send(self, files: Sequence[FoundFile | NotFound], sent: Callable[[], None] = lambda: None) -> None:
        """Upload the files, a few at a time; what is wrong with one is noted, and the others go on.

        `sent` is called after each. Raises ServerUnreachable; what was sent before stays there.
        """
        self.is_bulk = len(files) > _MANY
        with _senders() as pool:
            for found, outcome in zip(files, pool.map(self._attempt, files), strict=True):
                if isinstance(outcome, dict):
                    self._note_accepted(found.name, outcome)
                else:
                    self._note_failed(found.name, outcome)
                sent()

    def follow(self, changed: Callable[[], None]) -> None:
        """Return when nothing waits any more; `changed` is called after each look."""
        while self.waiting:
            began = self.clock()
            self._look()
            changed()
            if self.waiting:
                took = self.clock() - began
                self.sleep(min(max(took * _SHARE, _SHORTEST_PAUSE), _LONGEST_PAUSE))

    def summary(self) -> dict[str, Any]:
        return {
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "ready": self.ready,
            "failed": self.failed,
            "warnings": self.warnings,
        }

    def _attempt(self, found: FoundFile | NotFound) -> dict[str, Any] | Failure:
        """The server's answer, or what is wrong with this file. Runs in several threads, changes nothing here."""
        if isinstance(found, NotFound):
            return found.error
        try:
            return self._upload(found)
        except OSError as error:
            return FileMissing(reason=error.strerror or error)
        except (CommandFailed, FileChanged) as error:
            return error

    def _upload(self, found: FoundFile) -> dict[str, Any]:
        fields = {"name": found.name}
        if self.collection:
            fields["collection"] = self.collection
        if self.metadata:
            fields["metadata"] = dumps(dict(self.metadata))
        if self.is_bulk:
            fields["bulk"] = "true"
        with found.path.open("rb") as content:
            answer: dict[str, Any] = self.client.upload(_DOCUMENTS, found.path.name, content, fields)
            return answer

    def _note_accepted(self, name: str, answer: Mapping[str, Any]) -> None:
        if answer["duplicate"]:
            self.duplicates += 1
        else:
            self.accepted += 1
        if answer["status"] not in _FINAL:
            self.waiting.setdefault(answer["id"], name)

    def _note_failed(self, name: str, error: Failure) -> None:
        self.failed.append({"name": name, "code": error.code, "message": error.message, "fix": error.advice})

    def _look(self) -> None:
        if len(self.waiting) > _FEW:
            self._settle(self._listed())
        else:
            for document_id in list(self.waiting):
                self._ask(document_id)

    def _listed(self) -> Iterable[dict[str, Any]]:
        """Documents from the newest on, until all that wait were seen."""
        unseen = set(self.waiting)
        cursor = None
        while unseen:
            page = self.client.get(_DOCUMENTS, collection=self.collection, limit=_PAGE, cursor=cursor)
            yield from page["items"]
            unseen -= {document["id"] for document in page["items"]}
            cursor = page["next_cursor"]
            if cursor is None:
                break
        for gone in unseen & set(self.waiting):
            self._ask(gone)

    def _ask(self, document_id: str) -> None:
        try:
            self._settle([self.client.get(f"{_DOCUMENTS}/{document_id}")])
        except CommandFailed as error:
            self._note_failed(self.waiting.pop(document_id), error)

    def _settle(self, documents: Iterable[dict[str, Any]]) -> None:
        for document in documents:
            if document["id"] in self.waiting and document["status"] in _FINAL:
                self._note_final(self.waiting.pop(document["id"]), document)

    def _note_final(self, name: str, document: Mapping[str, Any]) -> None:
        version = document["version"]
        if document["status"] == "failed":
            self.failed.append({"name": name, **version["error"]})
        elif document["status"] == "cancelled":
            fix = f"`ragkeeper jobs retry {version['id']}` reads it after all."
            self.failed.append({"name": name, "code": "cancelled", "message": "Somebody cancelled it.", "fix": fix})
        else:
            self.ready += 1
        self.warnings.extend({"name": name, **warning} for warning in version["warnings"])


@contextmanager
def _senders() -> Iterator[ThreadPoolExecutor]:
    """Whatever ends the block early, uploads that have not begun do not begin."""
    pool = ThreadPoolExecutor(_SENDERS, thread_name_prefix="send")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
