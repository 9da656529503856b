"""The doctor's view of the installation that the settings name: read-only, with a server or without.

Every feature offers its checks; here they get what they look at.
"""

import os
import platform
import resource
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from ragkeeper import __version__
from ragkeeper.cli.errors import KeyUnavailable
from ragkeeper.core.checks import Check, NotLooked
from ragkeeper.core.clock import utc_now
from ragkeeper.core.environment import ENV_FILE, given_values
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import Settings
from ragkeeper.documents.checks import document_checks
from ragkeeper.entrypoints import engines
from ragkeeper.entrypoints.caches import open_caches
from ragkeeper.entrypoints.golden import require_schedule
from ragkeeper.entrypoints.local import Place, key_of
from ragkeeper.entrypoints.status import written_paths
from ragkeeper.identity.api_keys.checks import api_key_checks
from ragkeeper.ingestion.checks import ingestion_checks
from ragkeeper.ingestion.parsers.child import find_tessdata
from ragkeeper.ingestion.sources.checks import source_checks
from ragkeeper.jobs.checks import job_checks
from ragkeeper.operations.alerts.checks import channel_checks
from ragkeeper.operations.alerts.rules import alerts
from ragkeeper.operations.degradation.checks import degradation_checks
from ragkeeper.operations.doctor.checks import (
    SECRET_NAMES,
    absence_checks,
    folder_checks,
    port_checks,
    reach_checks,
    settings_checks,
    value_checks,
)
from ragkeeper.operations.doctor.ports import Facts, Patient
from ragkeeper.operations.health.checks import (
    Parsers,
    clock_checks,
    disk_checks,
    memory_checks,
    process_checks,
    server_checks,
)
from ragkeeper.operations.monitoring.rules import receivers, scene, told_by_server
from ragkeeper.operations.upgrade.checks import upgrade_checks
from ragkeeper.providers.checks import cache_checks, embedder_checks, provider_checks
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.providers.known_vectors import known_vector
from ragkeeper.retrieval.checks import index_checks, live_index_checks
from ragkeeper.storage.files.data_folder import DataFolder
from ragkeeper.storage.files.store import FileStore
from ragkeeper.storage.sql.checks import sqlite_checks
from ragkeeper.storage.sql.readonly import READ_SECONDS, ReadOnly, names
from ragkeeper.storage.sql.schema import revisions
from ragkeeper.storage.sql.tables import metadata
from ragkeeper.storage.vectors.layout import read_manifest

_ANSWER_SECONDS = 5.0
_UNAUTHORIZED = 401
_UNAVAILABLE = 503
_ERROR = 400
_NEWEST = "SELECT max(at) FROM (SELECT max(created_at) at FROM versions UNION ALL SELECT max(at) FROM audit_log)"
_JOBS = (
    "SELECT workflow_uuid, name, status, created_at, updated_at, recovery_attempts FROM workflow_status "
    "ORDER BY created_at DESC LIMIT 500"
)
_STATES = "SELECT status, error_code, count(*), max(attempts) FROM versions GROUP BY 1, 2"
_MOST_LOGS = 10
_MOST_NAMES = 100_000
_PARTS = "dbos fastapi httpx kreuzberg numpy onnxruntime openai qdrant-edge-py redis sqlalchemy uvicorn"
_CALLED = (
    "SELECT title FROM documents",
    "SELECT name FROM documents",
    "SELECT title FROM versions WHERE title IS NOT NULL",
    "SELECT filename FROM versions",
    "SELECT title FROM conversations",
    "SELECT name FROM sources",
    "SELECT location FROM sources",
    "SELECT name FROM collections WHERE name <> 'default'",
)
_JOB: Sequence[str] = ("id", "kind", "state", "created_at_ms", "updated_at_ms", "attempts")
_COUNTED: Sequence[str] = ("state", "code", "versions", "most_attempts")
_NO_ALERTS = "Set RAG_ALERT_MAIL_TO with RAG_SMTP_URL, or RAG_ALERT_WEBHOOK_URL; then `ragkeeper monitoring test`."


@dataclass(slots=True)
class LocalSurgery:
    """Opens everything read-only. place: where the settings come from."""

    place: Place
    _answers: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def patient(self) -> Iterator[Patient]:
        self._answers.clear()
        try:
            settings = self.place.settings()
        except RagkeeperError as error:
            yield Patient(settings_checks(error, ENV_FILE), None)
            return
        folder = DataFolder(settings.data_dir.resolve())
        held, server = _held(folder), _announced(folder)
        checks = [
            *settings_checks(_refused(settings), ENV_FILE),
            *local_checks(settings, folder),
            *_model_checks(settings, _truth(settings)),
            *reach_checks(folder.path, server, self._version, __version__, held=held, admitted=self._admitted),
            *port_checks(settings.host, settings.port, ours=held or server is not None),
            *server_checks(self.ask),
            *live_index_checks(_truth(settings), self._asked),
            *channel_checks(self.ask),
        ]
        yield Patient(checks, server["url"] if server else None)

    def ask(self, path: str) -> Any:
        if path not in self._answers:
            self._answers[path] = self._asked(path)
        return self._answers[path]

    def _version(self) -> str:
        return str(self.ask("/health")["version"])

    def _admitted(self) -> bool:
        try:
            return self._answer("/health/detailed").status_code != _UNAUTHORIZED
        except NotLooked:
            return True  # why it does not answer, or that there is no key, is told elsewhere

    def _asked(self, path: str) -> Any:
        answer = self._answer(path)
        if answer.status_code >= _ERROR and not (answer.status_code == _UNAVAILABLE and path.startswith("/health")):
            raise NotLooked(reason=f"{path} answers {answer.status_code}")
        return _read(answer)

    def _answer(self, path: str) -> httpx.Response:
        """Raises NotLooked, also where a key is asked for and there is none."""
        try:
            settings = self.place.settings()
        except RagkeeperError as error:
            raise NotLooked(reason=error.message) from error
        server = _announced(DataFolder(settings.data_dir.resolve()))
        if server is None:
            raise NotLooked(reason="no server runs")
        headers, problem = _credentials(settings)
        try:
            answer = httpx.get(server["url"] + path, headers=headers, timeout=_ANSWER_SECONDS, trust_env=False)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise NotLooked(reason=str(error) or type(error).__name__) from error
        if problem and answer.status_code == _UNAUTHORIZED:
            raise NotLooked(reason=problem)
        return answer

    def facts(self) -> Facts:
        settings, problem = self._settings_or_defaults()
        folder = DataFolder(settings.data_dir.resolve())
        truth = _truth(settings)
        shown = {name: _shown(value) for name, value in settings.model_dump(by_alias=True).items()}
        return Facts(
            settings={"problem": problem, "values": shown},
            versions=_versions(),
            schema=_or_nothing(truth, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"),
            jobs=_jobs(folder, truth),
            secrets=[*settings.secrets(), *_passwords(settings), *_kept_secrets(folder), *_unread(problem)],
            private=_names(truth),
            logs=_newest_logs(folder.path / "logs"),
        )

    def _settings_or_defaults(self) -> tuple[Settings, str | None]:
        """What cannot be used is told of; all that is taken of it is where the data folder is."""
        try:
            return self.place.settings(), None
        except RagkeeperError as error:
            folder = self.place.data_dir or _given().get("RAG_DATA_DIR")
            return Settings.model_validate({"RAG_DATA_DIR": folder} if folder else {}), error.code


def _refused(settings: Settings) -> RagkeeperError | None:
    """Why no server starts with settings that can be read: what a start makes of them, without making it."""
    try:
        receivers(settings)
        alerts(scene(settings))
        require_schedule(settings)
    except RagkeeperError as error:
        return error
    return None


def _credentials(settings: Settings) -> tuple[dict[str, str], str]:
    """The header with the key, or why there is none: a server says without one whether it lives."""
    try:
        key = key_of(settings)
    except KeyUnavailable as error:
        return {}, error.message
    except UnicodeError:
        key = "\0"
    usable = key.isascii() and key.isprintable()
    return ({"X-API-Key": key}, "") if usable else ({}, "what is kept as the server's key is no plain text")


def _read(answer: httpx.Response) -> Any:
    """Raises NotLooked where it calls something JSON that is none: another program has the server's port."""
    if "json" not in answer.headers.get("content-type", ""):
        return answer.text
    try:
        return answer.json()
    except ValueError as error:
        raise NotLooked(reason=f"{answer.url.path} does not answer with JSON") from error


def local_checks(settings: Settings, folder: DataFolder, seconds: float = READ_SECONDS) -> list[Check]:
    """Everything that is looked at on the disk of this machine; what is quick of it, every start looks at.

    seconds: that reading the whole database may take.
    """
    root, truth, file = folder.path, _truth(settings), truth_file(settings)
    paths = {name: path for name, path in written_paths(folder, file).items() if name != "temporary"}
    paths["secrets"] = folder.secrets
    originals = FileStore(folder.files, settings.max_upload_mb, settings.min_free_mb)
    return [
        *value_checks(settings.metrics_token.get_secret_value(), settings.embedding_threads, _cores()),
        *disk_checks(written_paths(folder, file), settings.min_free_mb),
        *memory_checks(Parsers(settings.parser_workers, settings.parser_memory_mb), folder.server_process()),
        *process_checks(lambda: _open_files(folder)),
        *clock_checks(lambda: _newest(truth), utc_now),
        *folder_checks(root, paths),
        *api_key_checks(folder.secrets, by_setting=settings.api_key is not None),
        *sqlite_checks("database", ReadOnly(file, seconds=seconds), expected=_is_used(folder)),
        *upgrade_checks(truth, revisions(), sorted(metadata.tables)),
        *index_checks(folder.index, truth, read_manifest, settings.lexical_language, utc_now),
        *document_checks(truth, originals.path),
        *ingestion_checks(truth, settings.ocr_languages, _can_read, utc_now),
        *source_checks(truth),
        *(_of_jobs(folder) if settings.jobs_database_url is None else []),
        *degradation_checks(truth, utc_now),
        *absence_checks(told_by_server(settings), _NO_ALERTS),
    ]


def _can_read(languages: str) -> bool:
    return find_tessdata(languages, None) is not None


def _open_files(folder: DataFolder) -> int:
    """That the server's process may have open, where one runs; a command's own limit may be another."""
    pid = folder.server_process()
    with suppress(OSError):
        if pid:
            return resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _of_jobs(folder: DataFolder) -> list[Check]:
    """None before the first job, which makes the file."""
    if not folder.jobs.exists():
        return []
    file = ReadOnly(folder.jobs, in_place=True)
    return [*sqlite_checks("jobs", file, expected=True), *job_checks(file)]


def truth_file(settings: Settings) -> Path:
    return Path(make_url(settings.sql_url).database or "")


def _truth(settings: Settings) -> ReadOnly:
    return ReadOnly(truth_file(settings))


def _model_checks(settings: Settings, truth: ReadOnly) -> list[Check]:
    async def embedder() -> Embedder:
        name = _chosen_embedder(settings, truth)
        if name.startswith("fastembed:") and not (settings.data_dir / "models").is_dir():
            raise NotLooked(reason="its model was not downloaded yet; looking must not do that")
        return await engines.open_embedder(settings, name)

    urls = [provider.base_url for provider in settings.chat_providers]
    return [
        *embedder_checks(settings.embedding_model, known_vector, embedder),
        *provider_checks(lambda: engines.chat_models(settings), urls),
        *cache_checks(_redis(settings)),
    ]


def _chosen_embedder(settings: Settings, truth: ReadOnly) -> str:
    """What `reindex` chose, where the environment says what it said then."""
    query = "SELECT json_extract(value, '$.setting'), json_extract(value, '$.serving') FROM settings WHERE name = ?"
    try:
        rows = truth.rows(query, "embedding_choice")
    except NotLooked:
        rows = []
    chosen = [str(serving) for setting, serving in rows if setting == settings.embedding_model]
    return chosen[0] if chosen else settings.embedding_model


def _redis(settings: Settings) -> Callable[[], Awaitable[None]] | None:
    if settings.redis_url is None:
        return None

    async def check() -> None:
        caches = open_caches(settings, Metrics())
        try:
            if caches.redis is not None:
                await caches.redis.check()
        finally:
            await caches.store.close()

    return check


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _is_used(folder: DataFolder) -> bool:
    """Whether somebody has put documents into the folder: then a database belongs to them."""
    return (folder.index / "serving.json").exists() or any(folder.files.glob("[0-9a-f][0-9a-f]/*"))


def _newest(truth: ReadOnly) -> datetime | None:
    text = truth.rows(_NEWEST)[0][0]
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def _announced(folder: DataFolder) -> dict[str, str] | None:
    try:
        return folder.server()
    except (OSError, ValueError):
        return None


def _held(folder: DataFolder) -> bool:
    try:
        return folder.held
    except OSError:
        return False


def _shown(value: Any) -> Any:
    """Settings without their secrets: whether they are set, and not how long they are."""
    if isinstance(value, SecretStr):
        return "[set]" if value.get_secret_value() else "[not set]"
    if isinstance(value, dict):
        return {name: _shown(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(one) for one in value]
    return str(value) if isinstance(value, Path) else value


def _passwords(settings: Settings) -> list[str]:
    """Those inside addresses, by themselves."""
    found = [_password(url) for url in (settings.database_url or "", *settings.secrets())]
    return [password for password in found if password]


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:  # no address, and nobody promised one
        return None


def _given() -> dict[str, str]:
    """What settings are made of, usable or not; without the file where that cannot be read."""
    try:
        return given_values()
    except (OSError, UnicodeError):
        return given_values(dotenv=Path(os.devnull))


def _unread(problem: str | None) -> list[str]:
    """Where settings cannot be used: what is called like a secret, and passwords in addresses."""
    if problem is None:
        return []
    values = [value for name, value in _given().items() if any(word in name for word in SECRET_NAMES)]
    return [*values, *(password for value in values if (password := _password(value)))]


def _newest_logs(folder: Path) -> list[Path]:
    """One that is moved away meanwhile is none any more."""
    ages = {}
    for path in folder.glob("*"):
        with suppress(OSError):
            ages[path] = path.stat().st_mtime
    return sorted(ages, key=lambda path: -ages[path])[:_MOST_LOGS]


def _kept_secrets(folder: DataFolder) -> list[str]:
    """Every line of every file in `secrets`."""
    found = []
    for path in sorted(folder.secrets.glob("*")) if folder.secrets.is_dir() else []:
        try:
            found += path.read_text("utf-8", "replace").split()
        except OSError:
            continue
    return found


def _names(truth: ReadOnly) -> list[str]:
    """What documents, collections, sources and conversations are called."""
    return [name for query in _CALLED for name in _or_nothing(truth, f"{query} LIMIT {_MOST_NAMES}")]


def _or_nothing(truth: ReadOnly, query: str) -> list[str]:
    try:
        return names(truth.rows(query))
    except NotLooked:
        return []


def _jobs(folder: DataFolder, truth: ReadOnly) -> Sequence[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for file, query, columns in ((truth, _STATES, _COUNTED), (ReadOnly(folder.jobs, in_place=True), _JOBS, _JOB)):
        try:
            found += [dict(zip(columns, row, strict=True)) for row in file.rows(query)]
        except NotLooked as error:
            found.append({"not_available": str(error.fields["reason"])})
    return found


def _versions() -> dict[str, str]:
    return {
        "ragkeeper": __version__,
        "schema": revisions()[-1],
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": str(_cores()),
        **{name: installed_version(name) for name in _PARTS.split()},
    }
