"""Which connector reads which kind of source, and how sources are put together."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ragkeeper.core.access import Caller, local_administrator
from ragkeeper.core.clock import utc_now
from ragkeeper.core.profiles import GitProfile, S3Profile
from ragkeeper.core.settings import Settings
from ragkeeper.documents.deletions import DeletionService
from ragkeeper.documents.service import DocumentService
from ragkeeper.ingestion.service import IngestionService
from ragkeeper.ingestion.sources.connectors.fetch import Fetcher
from ragkeeper.ingestion.sources.connectors.folder import Folder, FolderConnector
from ragkeeper.ingestion.sources.connectors.git import FETCH_LIMITS, GitConnector, Repository
from ragkeeper.ingestion.sources.connectors.git_transport import Credential
from ragkeeper.ingestion.sources.connectors.port import Connector, ScanLimits
from ragkeeper.ingestion.sources.connectors.s3 import Bucket, S3Connector, Service
from ragkeeper.ingestion.sources.connectors.single import SinglePages
from ragkeeper.ingestion.sources.connectors.sitemap import Sitemap, SitemapConnector
from ragkeeper.ingestion.sources.connectors.web import Web, WebConnector
from ragkeeper.ingestion.sources.errors import OptionsInvalid
from ragkeeper.ingestion.sources.jobs import SourceJobs
from ragkeeper.ingestion.sources.listing import SyncListing
from ragkeeper.ingestion.sources.models import Source, SourceKind
from ragkeeper.ingestion.sources.options import (
    BucketOptions,
    FolderOptions,
    GitOptions,
    PagesOptions,
    SourceOptions,
    WebOptions,
)
from ragkeeper.ingestion.sources.service import SourceService
from ragkeeper.ingestion.sources.sync import Synchronizer
from ragkeeper.jobs.port import JobEngine
from ragkeeper.storage.sql.database import Database

_MEGABYTE = 1_000_000
# What is known of each item is held in memory while a source is read, some 500 bytes of it.
_MOST_ITEMS = 200_000


@dataclass(frozen=True, slots=True)
class Sources:
    """pages: fetches single pages, for uploads by address."""

    service: SourceService
    listing: SyncListing
    jobs: SourceJobs
    pages: SinglePages

    async def close(self) -> None:
        await self.jobs.stop()
        await self.pages.close()


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
    held: Callable[[], str],
) -> Sources:
    """held: why nothing may be taken in at this moment."""

    def connect(source: Source) -> Connector:
        return connector(source, settings)

    async def forget(source: Source) -> None:
        await asyncio.to_thread(shutil.rmtree, _cache(source, settings), ignore_errors=True)

    synchronizer = Synchronizer(database, ingestion, deletions, connect, _find_caller, utc_now)
    service = SourceService(database, documents, synchronizer, engine, connect, forget, utc_now)
    service.held = held
    pages = SinglePages(Fetcher(settings.fetch_private_hosts), settings.max_upload_mb * _MEGABYTE)
    return Sources(service, SyncListing(service), SourceJobs(engine, service, settings.data_dir), pages)


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


def _web(source: Source, settings: Settings) -> Connector:
    web = Web(source.location, **_told(WebOptions, source))
    return WebConnector(web, _limits(settings), Fetcher(settings.fetch_private_hosts))


def _sitemap(source: Source, settings: Settings) -> Connector:
    sitemap = Sitemap(source.location, **_told(PagesOptions, source))
    return SitemapConnector(sitemap, _limits(settings), Fetcher(settings.fetch_private_hosts))


def _told(kind: type[SourceOptions], source: Source) -> dict[str, Any]:
    """A source's options without those of every kind, which are the synchronisation's business."""
    return kind.model_validate(dict(source.options)).model_dump(exclude=set(SourceOptions.model_fields))


def _bucket(source: Source, settings: Settings) -> Connector:
    options = BucketOptions.model_validate(dict(source.options))
    bucket = Bucket(source.location, options.prefix, options.include, options.exclude)
    profile = _profile(settings, options.profile)
    service = Service(profile.endpoint, profile.region, profile.access_key, profile.secret_key.get_secret_value())
    return S3Connector(bucket, service, _limits(settings), settings.fetch_private_hosts)


def _profile(settings: Settings, name: str) -> S3Profile:
    for profile in settings.s3_profiles:
        if name in {"", profile.name}:
            return profile
    raise OptionsInvalid(kind=SourceKind.S3.value, reason=f"RAG_S3_PROFILES names no profile {name}".rstrip())


def _git(source: Source, settings: Settings) -> Connector:
    told = _told(GitOptions, source)
    profile = git_profile_for(settings, told.pop("profile"), source.location)
    repository = Repository(source.location, **told, credential=_credential(profile) if profile else None)
    fetcher = Fetcher(settings.fetch_private_hosts, FETCH_LIMITS)
    return GitConnector(repository, _limits(settings), fetcher, _cache(source, settings), settings.data_dir)


def _credential(profile: GitProfile) -> Credential:
    return Credential(profile.name, profile.host, profile.user, profile.read_token)


def git_profile_for(settings: Settings, name: str, location: str) -> GitProfile | None:
    """The one of that name, else the one for the repository's host. Raises OptionsInvalid when the two disagree."""
    host = urlsplit(location).netloc.lower()
    if not name:
        return next((one for one in settings.git_profiles if one.host == host), None)
    for profile in settings.git_profiles:
        if profile.name == name and profile.host == host:
            return profile
    raise OptionsInvalid(kind=SourceKind.GIT.value, reason=f"RAG_GIT_PROFILES names no profile {name} for {host}")


def _cache(source: Source, settings: Settings) -> Path:
    return settings.data_dir / "sources" / source.id


_CONNECTORS: dict[SourceKind, Callable[[Source, Settings], Connector]] = {
    SourceKind.FOLDER: _folder,
    SourceKind.WEB: _web,
    SourceKind.SITEMAP: _sitemap,
    SourceKind.S3: _bucket,
    SourceKind.GIT: _git,
}
