"""Places that are reached over the network, each on a server of this machine."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from ragkeeper.ingestion.sources.connectors.fetch import Fetcher, FetchLimits
from ragkeeper.ingestion.sources.connectors.git import GitConnector, Repository
from ragkeeper.ingestion.sources.connectors.port import Connector
from ragkeeper.ingestion.sources.connectors.s3 import Bucket, S3Connector, Service
from ragkeeper.ingestion.sources.connectors.sitemap import Sitemap, SitemapConnector
from ragkeeper.ingestion.sources.connectors.web import Web, WebConnector
from tests.contract.sources.places import LIMITS, Place
from tests.integration.sources.git_server import Author, publish
from tests.integration.sources.s3_server import FakeS3
from tests.integration.sources.web_server import HTML, Reply, Site, serve


@dataclass
class SitePlace:
    """An index page that is no item itself, and a sitemap."""

    site: Site
    uses_sitemap: bool
    names: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, text: str) -> None:
        self.names[name] = text
        headers = {"Content-Type": "text/markdown"}
        self.site.routes[f"/{quote(name)}"] = Reply(text.encode(), headers=headers, etag=f'"{hash(text)}"')
        self._list()

    def remove(self, name: str) -> None:
        del self.names[name], self.site.routes[f"/{quote(name)}"]
        self._list()

    def spoil(self) -> None:
        for path in list(self.site.routes):
            self.site.routes[path] = Reply(status=500)

    def connector(self) -> Connector:
        fetcher = Fetcher([self.site.host], FetchLimits(attempts=1))
        if self.uses_sitemap:
            return SitemapConnector(Sitemap(f"{self.site.url}/sitemap.xml", delay_seconds=0), LIMITS, fetcher)
        return WebConnector(Web(f"{self.site.url}/", delay_seconds=0), LIMITS, fetcher)

    def _list(self) -> None:
        links = "".join(f"<a href='/{quote(name)}'>x</a>" for name in self.names)
        self.site.routes["/"] = Reply(f"<meta name=robots content=noindex>{links}".encode(), headers=HTML)
        rows = "".join(f"<url><loc>{self.site.url}/{quote(name)}</loc></url>" for name in self.names)
        self.site.routes["/sitemap.xml"] = Reply(f"<urlset>{rows}</urlset>".encode())


@dataclass
class BucketPlace:
    site: Site
    bucket: FakeS3

    def put(self, name: str, text: str) -> None:
        self.bucket.put(name, text.encode(), f'"{hash(text)}"')

    def remove(self, name: str) -> None:
        del self.bucket.contents[name]

    def spoil(self) -> None:
        self.site.routes["/papers"] = Reply(status=403)

    def connector(self) -> Connector:
        return S3Connector(Bucket("papers"), Service(self.site.url), LIMITS, [self.site.host])


@dataclass
class RepositoryPlace:
    author: Author
    location: str
    folder: Path
    files: dict[str, bytes] = field(default_factory=dict)

    def put(self, name: str, text: str) -> None:
        self.files[name] = text.encode()
        self.author.commit(self.files)

    def remove(self, name: str) -> None:
        del self.files[name]
        self.author.commit(self.files)

    def spoil(self) -> None:
        self.author.path.rename(self.author.path.with_name("elsewhere"))
        self.author.repo.object_store.close()

    def connector(self) -> Connector:
        fetcher = Fetcher(["127.0.0.1"], FetchLimits(attempts=1))
        return GitConnector(
            Repository(self.location), LIMITS, fetcher, self.folder / "cache", data_folder=self.folder / "data"
        )


@asynccontextmanager
async def web(_folder: Path) -> AsyncIterator[Place]:
    with serve() as site:
        yield SitePlace(site, uses_sitemap=False)


@asynccontextmanager
async def sitemap(_folder: Path) -> AsyncIterator[Place]:
    with serve() as site:
        yield SitePlace(site, uses_sitemap=True)


@asynccontextmanager
async def bucket(_folder: Path) -> AsyncIterator[Place]:
    with serve() as site:
        yield BucketPlace(site, FakeS3(site))


@asynccontextmanager
async def repository_on_disk(folder: Path) -> AsyncIterator[Place]:
    author = Author(folder / "origin")
    yield RepositoryPlace(author, str(author.path), folder)
    author.repo.close()


@asynccontextmanager
async def repository_on_the_web(folder: Path) -> AsyncIterator[Place]:
    author = Author(folder / "origin")
    with publish(author.repo) as url:
        yield RepositoryPlace(author, url, folder)
    author.repo.close()


REMOTE_PLACES: list[Callable[[Path], AbstractAsyncContextManager[Place]]] = [
    web,
    sitemap,
    bucket,
    repository_on_disk,
    repository_on_the_web,
]
