"""Which connector reads which kind of source, and how sources are put together."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ragkeeper.core.access import Caller, local_administrator
from ragkeeper.core.clock import utc_now
from ragkeeper.core.settings import Settings
from ragkeeper.documents.deletions import DeletionService
from ragkeeper.documents.service import DocumentService
from ragkeeper.ingestion.service import IngestionService
from ragkeeper.ingestion.sources.connectors.folder import Folder, FolderConnector
from ragkeeper.ingestion.sources.connectors.port import Connector, ScanLimits
from ragkeeper.ingestion.sources.jobs import SourceJobs
from ragkeeper.ingestion.sources.models import Source, SourceKind
from ragkeeper.ingestion.sources.options import FolderOptions
from ragkeeper.ingestion.sources.service import SourceService
from ragkeeper.ingestion.sources.sync import Synchronizer
from ragkeeper.jobs.port import JobEngine
from ragkeeper.storage.sql.database import Database

_MEGABYTE = 1_000_000
# What is known of each item is held in memory while a source is read, some 500 bytes of it.
_MOST_ITEMS = 200_000


@dataclass(frozen=True, slots=True)
class Sources:
    service: SourceService
    jobs: SourceJobs


def connector(source: Source, settings: Settings) -> Connector:
    """Raises SourceError when location or options do not fit."""
    return _CONNECTORS[source.kind](source, settings)


def assemble(
    settings: Settings,
    database: Database,
    documents: DocumentService,
    deletions: DeletionService,
    ingestion: IngestionService,
    engine: JobEngine,
) -> Sources:
    def connect(source: Source) -> Connector:
        return connector(source, settings)

    synchronizer = Synchronizer(database, ingestion, deletions, connect, _find_caller, utc_now)
    service = SourceService(database, documents, synchronizer, engine, connect, utc_now)
    return Sources(service, SourceJobs(engine, service))


async def _find_caller(name: str) -> Caller | None:
    """The one caller that there is until identity arrives."""
    local = local_administrator()
    return local if name == local.id else None


def _limits(settings: Settings) -> ScanLimits:
    return ScanLimits(settings.max_upload_mb * _MEGABYTE, _MOST_ITEMS)


def _folder(source: Source, settings: Settings) -> Connector:
    options = FolderOptions.model_validate(dict(source.options))
    folder = Folder(Path(source.location), settings.data_dir, options.include, options.exclude)
    return FolderConnector(folder, _limits(settings))


_CONNECTORS: dict[SourceKind, Callable[[Source, Settings], Connector]] = {SourceKind.FOLDER: _folder}
