"""The machine and its server, looked at from a command: no server is started for that."""

import functools
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ragkeeper.cli.errors import CommandFailed, KeyUnavailable, ServerNotRunning, ServerUnreachable
from ragkeeper.core.clock import utc_now
from ragkeeper.core.settings import Settings
from ragkeeper.entrypoints.local import Place, key_of
from ragkeeper.operations.diagnose import host, processes
from ragkeeper.operations.diagnose.errors import HostUnreadable
from ragkeeper.operations.diagnose.models import (
    Allocation,
    Answer,
    Database,
    Evidence,
    Host,
    Remembered,
    Sample,
    SlowStatement,
    Verdict,
)
from ragkeeper.operations.health import repository as machine
from ragkeeper.storage.files.data_folder import DataFolder

# The guide's limit for an answer; a collector's or a trace's may take longer.
_SECONDS = 30.0
_LONG = 600.0
_ALLOCATIONS = "/admin/diagnose/allocations"
_WORDS_OF_A_QUERY = 12
_CHUNKS_LOOKED_AT = 20
_MILLISECONDS = 1000
_UNAUTHORIZED = 401
_REFUSED = "The server refuses the key of the settings."
_UNREACHED = (ServerNotRunning, ServerUnreachable, KeyUnavailable, CommandFailed)


@dataclass(slots=True)
class LocalInstallation:
    """place: where the settings come from."""

    place: Place

    def host(self) -> Host:
        from ragkeeper.entrypoints.status import written_paths  # noqa: PLC0415 - heavy: the whole application

        settings = self.place.settings()
        folder = DataFolder(settings.data_dir.resolve())
        # A service may have limits that the shell of whoever asks has not.
        pid = folder.server_process()
        memory = functools.partial(machine.machine, pid=pid)
        cpu_times = functools.partial(machine.cpu_times, pid=pid)
        try:
            return host.look(memory, cpu_times, written_paths(folder, _truth(settings)), pid=pid)
        except (OSError, ValueError, KeyError) as error:
            raise HostUnreadable(reason=error) from error

    def answer(self) -> Answer:
        try:
            health = self._timed("/health")[1]
            asked, document = self._question()
            # A word of its own: an answer that was kept says nothing about how long one takes.
            found, seconds = self._timed("/api/v1/search", query=f"{asked} {secrets.token_hex(4)}", top_k=10)
        except _UNREACHED as error:
            return Answer(None, None, error.message)
        stages = {name: value / _MILLISECONDS for name, value in found["timings_ms"].items() if name != "total"}
        known = any(_is_wanted(one, asked, document) for one in found["results"]) if document else None
        return Answer(seconds, health, known_answer=known, stages=stages)

    def _question(self) -> tuple[str, str | None]:
        """Words of a passage, and the document it is in; None without any document.

        From its middle, and of a passage in the middle: the same first lines stand in many documents.
        """
        for document in self._get("/api/v1/documents", limit=5)["items"]:
            chunks = self._get(f"/api/v1/documents/{document['id']}/chunks", limit=_CHUNKS_LOOKED_AT)["items"]
            if chunks:
                words = chunks[len(chunks) // 2]["text"].split()
                begin = max(len(words) - _WORDS_OF_A_QUERY, 0) // 2
                return " ".join(words[begin : begin + _WORDS_OF_A_QUERY]), document["id"]
        return "how long does a search take", None

    def remembered(self) -> Remembered | None:
        from ragkeeper.operations.diagnose.schemas import RememberedView  # noqa: PLC0415 - only where a server answers

        try:
            return RememberedView.model_validate(self._get("/admin/diagnose/performance")).remembered()
        except _UNREACHED:
            return None

    def database(self, statements: Sequence[SlowStatement]) -> Database:
        from ragkeeper.operations.diagnose.database import look  # noqa: PLC0415 - with SQLite
        from ragkeeper.storage.sql.readonly import ReadOnly  # noqa: PLC0415 - the same

        file = _truth(self.place.settings())
        if file is None:
            return Database(problem="this version looks into files of SQLite only")
        return look(ReadOnly(file).ask, statements)

    def sample(self) -> Sample:
        pid = self._pid()
        found = machine.machine(pid=pid)
        try:
            return processes.sample(pid, found.memory_total if found else 0, utc_now())
        except OSError as error:
            raise ServerNotRunning(path=self.place.settings().data_dir.resolve()) from error

    def evidence(self) -> Evidence:
        files = processes.open_files(self._pid())
        try:
            return Evidence(files, _failures(self._text("/metrics")), self._get("/admin/diagnose/collector"))
        except _UNREACHED:
            return Evidence(files, None, {})

    def trace(self, seconds: float) -> None:
        self._asked("POST", _ALLOCATIONS, _LONG, seconds=seconds)

    def grown(self) -> Sequence[Allocation]:
        return [Allocation(**one) for one in self._asked("GET", _ALLOCATIONS, _LONG).json()]

    def end_trace(self) -> None:
        self._asked("DELETE", _ALLOCATIONS, _LONG)

    def verdict(self, samples: Sequence[Sample]) -> Verdict | None:
        from ragkeeper.operations.diagnose.memory import verdict  # noqa: PLC0415 - heavy: NumPy

        return verdict(samples)

    def _pid(self) -> int:
        return int(self._server()["pid"])

    def _server(self) -> dict[str, str]:
        settings = self.place.settings()
        found = DataFolder(settings.data_dir).server()
        if found is None:
            raise ServerNotRunning(path=settings.data_dir.resolve())
        return found

    def _timed(self, path: str, **query: object) -> tuple[Any, float]:
        began = time.perf_counter()
        found = self._get(path, **query)
        return found, time.perf_counter() - began

    def _get(self, path: str, **query: object) -> Any:
        return self._asked("GET", path, _SECONDS, **query).json()

    def _text(self, path: str) -> str:
        return self._asked("GET", path, _SECONDS).text

    def _asked(self, method: str, path: str, patience: float, **query: object) -> httpx.Response:
        """Ask once: it is a measurement. Raises ServerNotRunning, ServerUnreachable, KeyUnavailable, CommandFailed."""
        url = self._server()["url"]
        headers = {"X-API-Key": key_of(self.place.settings())}
        params = {name: str(value) for name, value in query.items()}
        try:
            answer = httpx.request(
                method, url + path, params=params, headers=headers, timeout=patience, trust_env=False
            )
        except httpx.TransportError as error:
            raise ServerUnreachable(url=url, reason=str(error) or type(error).__name__) from error
        if answer.is_error:
            refused = answer.status_code == _UNAUTHORIZED
            title = _REFUSED if refused else f"{path} answers {answer.status_code}."
            raise CommandFailed({"status": answer.status_code, "title": title})
        return answer


def _is_wanted(hit: dict[str, Any], asked: str, document: str) -> bool:
    """It is of the document, or has the very words: what many documents have is found in any of them."""
    return bool(hit["document_id"] == document) or asked in " ".join(hit["text"].split())


def _truth(settings: Settings) -> Path | None:
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - heavy

    url = make_url(settings.sql_url)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _failures(metrics: str) -> float:
    """Answers of 500 and above since the server began."""
    lines = [line for line in metrics.splitlines() if line.startswith("http_requests_total{") and 'status="5' in line]
    return sum(float(line.rpartition(" ")[2]) for line in lines)
