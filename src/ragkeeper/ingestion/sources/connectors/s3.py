"""Objects of a bucket that speaks S3, through Rust's `object_store`.

Where the service is and who asks comes from a profile in the environment (RAG_S3_<NAME>_…), never from a source: keys
are not stored, and nobody can have them sent elsewhere. The library makes its connections through a gate of ours, which
checks and pins addresses, redirects too; as with web sources, a proxy of the environment is not used.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, InvalidPathError
from obstore.store import S3Store

from ragkeeper.ingestion.sources.connectors.addresses import Target, check_answer, check_url
from ragkeeper.ingestion.sources.connectors.errors import (
    ItemTooLarge,
    ItemUnavailable,
    SourceMalformed,
    SourceTooLarge,
)
from ragkeeper.ingestion.sources.connectors.fetch import USER_AGENT, Resolve, resolve_host
from ragkeeper.ingestion.sources.connectors.gate import Gate
from ragkeeper.ingestion.sources.connectors.port import Found, ScanLimits, Unreadable
from ragkeeper.ingestion.sources.connectors.rules import is_wanted
from ragkeeper.ingestion.sources.errors import AddressRefused, SourceError, SourceUnreachable

if TYPE_CHECKING:  # the library has these names for type checkers only
    from obstore import GetResult
    from obstore.store import S3Credential

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_PAGE = 1000
_CHUNK = 256 * 1024
_FAILURES = (BaseError, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Service:
    """One profile of the environment; without keys, requests are not signed."""

    endpoint: str
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Bucket:
    """prefix: a folder (`docs/2026`), empty for all; patterns match the path below it, see `rules.is_wanted`."""

    name: str
    prefix: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Object:
    path: str
    key: str
    n_bytes: int
    etag: str
    fingerprint: str


class S3Connector:
    """private_hosts: see RAG_FETCH_PRIVATE_HOSTS; plain http, private addresses and unusual ports are for those only.

    Raises AddressRefused for the endpoint, SourceError for a bucket's name.
    """

    def __init__(
        self,
        bucket: Bucket,
        service: Service,
        limits: ScanLimits,
        private_hosts: Sequence[str] = (),
        resolve: Resolve = resolve_host,
    ) -> None:
        if not _BUCKET.fullmatch(bucket.name):
            raise SourceError(reason=f"{bucket.name!r} is no name of a bucket")
        self._endpoint = _checked(service.endpoint, private_hosts)
        self._bucket = bucket
        self._limits = limits
        self._resolve = resolve
        self._service = service
        self._gate = Gate(private_hosts, resolve)
        self._location = f"s3://{bucket.name}/{bucket.prefix}"

    async def scan(self, known: Mapping[str, str]) -> AsyncGenerator[Found | Unreadable]:  # noqa: ARG002 - the port's
        await self._look_up()
        store = _store(self._bucket.name, self._service, await self._gate.open())
        n_items = 0
        async with aclosing(self._objects(store)) as objects:
            async for one in objects:
                n_items += 1
                if n_items > self._limits.most_items:
                    raise SourceTooLarge(location=self._location, limit=f"{self._limits.most_items:,}")
                yield self._item(store, one)

    async def close(self) -> None:
        """The store closes its connections when it is let go."""
        await self._gate.close()

    async def _look_up(self) -> None:
        try:
            answer = await self._resolve(self._endpoint.host, self._endpoint.port)
        except (OSError, UnicodeError) as error:
            raise SourceUnreachable(location=self._location, reason="the endpoint's host is not known") from error
        check_answer(self._endpoint, answer)

    async def _objects(self, store: S3Store) -> AsyncGenerator[_Object]:
        """What lies below the prefix and is wanted. Empty objects are left out: consoles make them to show folders."""
        prefix = self._bucket.prefix.strip("/")
        try:
            async for page in obstore.list(store, prefix=prefix or None, chunk_size=_PAGE):
                for meta in page:
                    key = meta["path"].removeprefix(f"{prefix}/" if prefix else "")
                    if meta["size"] and is_wanted(key, self._bucket.include, self._bucket.exclude):
                        etag = meta["e_tag"] or ""
                        changed = etag or f"{meta['size']}-{meta['last_modified'].isoformat()}"
                        yield _Object(meta["path"], key, meta["size"], etag, changed)
        except InvalidPathError as error:
            raise SourceMalformed(location=self._location, reason=_reason(error)) from error
        except _FAILURES as error:
            raise self._gate.refused or SourceUnreachable(location=self._location, reason=_reason(error)) from error

    def _item(self, store: S3Store, one: _Object) -> Found | Unreadable:
        if one.n_bytes > self._limits.largest_bytes:
            error = ItemTooLarge(location=one.key, limit=f"{self._limits.largest_bytes:,}")
            return Unreadable(one.key, error.code, error.message)
        return Found(one.key, one.fingerprint, one.key, PurePosixPath(one.key).name, lambda: self._content(store, one))

    @asynccontextmanager
    async def _content(self, store: S3Store, one: _Object) -> AsyncGenerator[AsyncIterator[bytes]]:
        try:
            answer = await obstore.get_async(store, one.path, options={"if_match": one.etag or None})
        except _FAILURES as error:
            raise ItemUnavailable(location=one.key, reason=_reason(error)) from error
        yield self._pieces(answer, one)

    async def _pieces(self, answer: "GetResult", one: _Object) -> AsyncGenerator[bytes]:
        n_bytes = 0
        try:
            async for piece in answer.stream(min_chunk_size=_CHUNK):
                n_bytes += len(piece)
                if n_bytes > self._limits.largest_bytes:
                    raise ItemTooLarge(location=one.key, limit=f"{self._limits.largest_bytes:,}")
                yield bytes(piece)
        except _FAILURES as error:
            raise ItemUnavailable(location=one.key, reason=_reason(error)) from error


def _checked(endpoint: str, private_hosts: Sequence[str]) -> Target:
    target = check_url(endpoint, private_hosts)
    if target.url.scheme == "http" and not target.may_be_private:
        raise AddressRefused(address=endpoint, reason="keys and documents do not travel unencrypted")
    return target


def _store(bucket: str, service: Service, gate: str) -> S3Store:
    """gate: the proxy that connections go through.

    What the environment says to Amazon's own tools is overruled: endpoint, style of addresses, keys and tokens.
    """
    credential: S3Credential = {
        "access_key_id": service.access_key,
        "secret_access_key": service.secret_key,
        "expires_at": None,
    }
    return S3Store(
        bucket,
        endpoint=service.endpoint,
        aws_endpoint_url_s3=service.endpoint,
        region=service.region,
        virtual_hosted_style_request=False,
        request_payer=False,
        skip_signature=not service.access_key,
        credential_provider=(lambda: credential) if service.access_key else None,
        client_options={
            "allow_http": service.endpoint.lower().startswith("http://"),
            "user_agent": USER_AGENT,
            "proxy_url": gate,
            "connect_timeout": timedelta(seconds=10),
            "read_timeout": timedelta(seconds=30),
            "timeout": timedelta(hours=1),
        },
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=60)},
    )


def _reason(error: Exception) -> str:
    """The first line: the rest is what the library thinks about itself."""
    return str(error).partition("\n")[0][:300].rstrip(". ") or type(error).__name__
