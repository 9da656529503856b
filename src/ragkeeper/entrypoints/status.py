"""What `/status` shows: every figure of the server that a person asks for, each section apart from the others."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import SQLAlchemyError

from ragkeeper.core.access import local_administrator
from ragkeeper.core.clock import utc_now
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import Settings
from ragkeeper.core.tally import ERRORS
from ragkeeper.operations.degradation.models import Step
from ragkeeper.operations.degradation.rules import worst
from ragkeeper.operations.degradation.schemas import DegradationView
from ragkeeper.operations.errors.service import ErrorService
from ragkeeper.operations.health import repository
from ragkeeper.operations.health.clock import ClockWatch
from ragkeeper.operations.health.models import Disk, ProbeResult
from ragkeeper.operations.health.rules import disk_state, judged, targets
from ragkeeper.operations.health.traffic import TrafficWatch
from ragkeeper.operations.usage import rules as usage
from ragkeeper.storage.files.data_folder import DataFolder
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.vectors.errors import INDEX_AWAY

if TYPE_CHECKING:
    from ragkeeper.entrypoints.build import Application

_MEGABYTE = 1_000_000
# A section that takes longer is not known for now: the others are shown all the same.
_SECONDS = 4.0
# Disks are looked at every few seconds. What is older than this, in seconds, is not known any more: a look hangs.
_STALE_SECONDS = 30.0
# The system's own, before the server sends its temporary files elsewhere.
_TEMPORARY: Final = Path(tempfile.gettempdir())

_FIGURES: Final = ("traffic", "intake", "machine", "processes", "targets")

Section = Callable[[], Awaitable[Any]]


def written_paths(folder: DataFolder, database: Path | None) -> dict[str, Path]:
    """Every path that the product writes to, by what it writes there."""
    root = folder.path.resolve()
    paths = {"data": root, "index": folder.index, "files": folder.files, "backups": root / "backups"}
    paths |= {"logs": root / "logs", "work": folder.work, "temporary": _TEMPORARY}
    return paths | {"database": database.parent if database is not None else root}


@dataclass(slots=True)
class Observers:
    """What is watched besides the parts: requests, errors, the clock, disks."""

    traffic: TrafficWatch
    errors: ErrorService
    clock: ClockWatch
    _paths: Mapping[str, Path]
    _reserve: int
    _seen: tuple[float, list[Disk]] | None = None

    @classmethod
    def of(cls, settings: Settings, folder: DataFolder, database: Database, metrics: Metrics) -> "Observers":
        file = Path(database.url.database) if database.url.database else None
        paths = written_paths(folder, file)
        reserve = settings.min_free_mb * _MEGABYTE
        return cls(
            TrafficWatch(metrics.families), ErrorService(database, ERRORS, utc_now), ClockWatch(), paths, reserve
        )

    def start(self) -> None:
        self.traffic.start()
        self.errors.start()

    async def stop(self) -> None:
        await self.traffic.stop()
        await self.errors.stop()

    @property
    def disks(self) -> list[Disk] | None:
        """As the newest look found them; None where that is long ago. To look anew may take for ever."""
        if self._seen is None or time.monotonic() - self._seen[0] > _STALE_SECONDS:
            return None
        return self._seen[1]

    async def probe(self) -> ProbeResult:
        """Look at every disk. One that hangs does so for good, so nobody else may ask it."""
        began = time.monotonic()
        found = await asyncio.to_thread(repository.disks, self._paths)
        disks = [judged(disk, self._reserve) for disk in found]
        self._seen = began, disks
        return disk_state(disks, self._reserve)


class StatusReport:
    def __init__(self, application: "Application") -> None:
        self._app = application

    async def __call__(self) -> dict[str, Any]:
        """What is not known at this moment is null, and `unknown` says why, by section."""
        app = self._app
        unknown: dict[str, str] = {}
        sections: dict[str, Section] = {
            "documents": lambda: app.documents.counts(local_administrator()),
            "queue": app.pipeline.backlog,
            "index": self._index,
            "errors": self._errors,
            "providers": app.providers,
            "disks": self._disks,
            "figures": self._figures,
        }
        found = await asyncio.gather(*(_known(name, make, unknown) for name, make in sections.items()))
        known = dict(zip(sections, found, strict=True))
        return {
            **{name: known[name] for name in ("documents", "queue", "index")},
            # No part of this version makes any: nothing is said that is not so.
            "backup": {"configured": False, "last": None},
            "drill": {"configured": False, "last": None},
            "loops": app.upkeep.loops(),
            "embedding_model": app.embedder.name,
            "answer_models": app.answers.models,
            **self._degradation(),
            **{name: known[name] for name in ("providers", "errors", "disks")},
            **(known["figures"] or dict.fromkeys(_FIGURES)),
            "unknown": unknown,
        }

    async def details(self) -> dict[str, Any]:
        """Degradation, disks and errors, which health shows as well."""
        unknown: dict[str, str] = {}
        return {
            "degradation": self._degradation()["degradation"],
            "disks": await _known("disks", self._disks, unknown),
            "errors": await _known("errors", self._errors, unknown),
        }

    def _degradation(self) -> dict[str, Any]:
        now = self._app.degradation.now
        best = Step.FULL if self._app.answers.models else Step.EXTRACTIVE
        return {
            "answer_mode": worst([now.answers, best]).value,
            "degradation": DegradationView.of(now).model_dump(mode="json"),
        }

    async def _index(self) -> dict[str, Any]:
        app = self._app
        try:
            counts = await app.index.count()
        except INDEX_AWAY:
            counts = None  # the rest of what is known is shown all the same
        waiting, since = await app.reconciler.backlog()
        checked = await app.upkeep.inspector.last()
        return {
            "chunks": counts.points if counts else None,
            "vectors": counts.with_vectors if counts else None,
            "waiting_changes": waiting,
            "lag_seconds": round((utc_now() - since).total_seconds() if since else 0.0, 3),
            "rebuilding": app.index.incomplete,
            "orphans": checked[1] if checked else None,
            "missing": checked[2] if checked else None,
            "checked_at": checked[0].isoformat() if checked else None,
        }

    async def _errors(self) -> dict[str, Any]:
        """Of the last 24 hours."""
        found = await self._app.observers.errors.last_day()
        by_code = {
            code: {"count": one.count, "first": one.first.isoformat(), "last": one.last.isoformat()}
            for code, one in found.items()
        }
        return {"hours": 24, "total": sum(one.count for one in found.values()), "by_code": by_code}

    async def _disks(self) -> dict[str, Any]:
        disks = self._app.observers.disks
        if disks is None:
            raise TimeoutError
        return {disk.what: shown(disk) for disk in disks}

    async def _figures(self) -> dict[str, Any]:
        observers = self._app.observers
        traffic, machine = observers.traffic.now(), await asyncio.to_thread(repository.machine)
        aims = targets(traffic, machine, observers.disks or ())
        return {
            "traffic": asdict(traffic),
            "intake": self._intake(),
            "machine": asdict(machine) if machine else None,
            "processes": {role: asdict(one) for role, one in usage.processes(self._app.metrics.families()).items()},
            "targets": {
                one.name: {"value": one.value, "target": one.target, "unit": one.unit, "ok": one.ok} for one in aims
            },
        }

    def _intake(self) -> dict[str, Any]:
        found = usage.intake(self._app.metrics.families())
        return {**asdict(found), "success_share": found.success_share}


def shown(disk: Disk) -> dict[str, Any]:
    """A disk as HTTP and commands show it; bytes."""
    return {
        "path": disk.path,
        "total": disk.total,
        "used": disk.used,
        "free": disk.free,
        "used_percent": round(disk.used_share * 100, 1) if disk.total else None,
        "inodes": disk.inodes,
        "inodes_free": disk.inodes_free,
        "verdict": disk.verdict.value,
    }


async def _known(name: str, make: Section, unknown: dict[str, str]) -> Any:
    try:
        async with asyncio.timeout(_SECONDS):
            return await make()
    except RagkeeperError as error:
        unknown[name] = error.code
    except SQLAlchemyError:
        unknown[name] = "database_unreadable"
    except TimeoutError:
        unknown[name] = "no_answer"
    return None
