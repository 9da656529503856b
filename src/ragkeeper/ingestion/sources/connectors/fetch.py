"""The one way out to the web: an HTTP client that cannot be led into private networks.

The host is looked up here, its whole answer is checked, and the connection goes to a checked address, so that no second
lookup can answer differently. Redirects are followed by hand, and each is checked like a first address.
"""

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from ragkeeper import __version__
from ragkeeper.ingestion.sources.connectors.addresses import Target, check_answer, check_url
from ragkeeper.ingestion.sources.connectors.bodies import limited
from ragkeeper.ingestion.sources.connectors.errors import ItemUnavailable, ServerSilent
from ragkeeper.ingestion.sources.connectors.waits import next_wait

USER_AGENT = f"ragkeeper/{__version__}"

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""A host's addresses, IPv4 and IPv6 as text, in the order to try. Raises OSError when there are none."""
Sleep = Callable[[float], Awaitable[None]]

_MOVED = {301, 302, 303, 307, 308}
_BUSY = {429, 503}
_MOST_ADDRESSES = 4
_MOST_CLIENTS = 16


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Seconds, and counts. total_seconds: of one attempt, body included; longest_wait: between two attempts."""

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    total_seconds: float = 300.0
    redirects: int = 5
    attempts: int = 3
    first_wait: float = 1.0
    longest_wait: float = 60.0


@dataclass(frozen=True, slots=True)
class Request:
    """follow: whether redirects are gone after, or shown as they are."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    follow: bool = True


@dataclass(slots=True)
class _Client:
    """For one origin. n_open: answers that are still being read."""

    http: httpx.AsyncClient
    n_open: int = 0


class Answer:
    """An answer whose body has not been read yet. url: where it came from, after redirects."""

    def __init__(self, url: str, response: httpx.Response, deadline: float, client: _Client) -> None:
        self.url = url
        self.status = response.status_code
        self.headers = response.headers
        self._response = response
        self._deadline = deadline
        self._client = client

    @property
    def content_type(self) -> str:
        """The bare type, in lower case; empty when the server does not tell."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def location(self) -> str | None:
        """Where a redirect leads, as an absolute address that nobody has checked."""
        target = str(self.headers.get("location", ""))
        if self.status not in _MOVED or not target:
            return None
        try:
            return str(httpx.URL(self.url).join(target))
        except (httpx.InvalidURL, ValueError):
            return target

    async def chunks(self, largest: int) -> AsyncGenerator[bytes]:
        """The body, decompressed. Raises ItemTooLarge beyond `largest` bytes, ItemUnavailable when it breaks off."""
        async for chunk in limited(self._raw(), self.headers, largest, self.url):
            yield chunk

    async def close(self) -> None:
        """Once."""
        self._client.n_open -= 1
        await self._response.aclose()

    async def _raw(self) -> AsyncGenerator[bytes]:
        chunks = self._response.aiter_raw()
        try:
            while True:
                async with asyncio.timeout_at(self._deadline):
                    chunk = await anext(chunks, None)
                if chunk is None:
                    return
                yield chunk
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as error:
            raise ServerSilent(location=self.url, reason=_reason(error)) from error


async def resolve_host(host: str, port: int) -> list[str]:
    """The system's answer for a host, without doubles."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Fetcher:
    """private_hosts: see RAG_FETCH_PRIVATE_HOSTS. One client may serve many sources; close it in the end."""

    def __init__(
        self,
        private_hosts: Sequence[str] = (),
        limits: FetchLimits | None = None,
        resolve: Resolve = resolve_host,
        sleep: Sleep = asyncio.sleep,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._private_hosts = tuple(private_hosts)
        self._limits = limits or FetchLimits()
        self._resolve = resolve
        self._sleep = sleep
        self._tls = tls
        self._random = random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._clients: dict[tuple[str, str, int], _Client] = {}

    def check(self, url: str) -> Target:
        """Raises AddressRefused when an address's form alone forbids to fetch it."""
        return check_url(url, self._private_hosts)

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[Answer]:
        """The answer, whatever its status, busy servers asked again and redirects followed (when asked to).

        Raises AddressRefused for an address that must not be fetched, ItemUnavailable when nothing answers.
        """
        for hop in range(self._limits.redirects + 1):
            answer = await self._patiently(request)
            location = answer.location if request.follow else None
            if location is None:
                try:
                    yield answer
                finally:
                    await answer.close()
                return
            await answer.close()
            if request.method != "GET":
                raise ItemUnavailable(location=request.url, reason=f"it moved on to {location} in mid-request")
            request = _redirected(request, answer, location)
            if hop == self._limits.redirects:
                break
        raise ItemUnavailable(location=request.url, reason=f"more than {self._limits.redirects} redirects")

    async def close(self) -> None:
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.http.aclose()

    async def _patiently(self, request: Request) -> Answer:
        for attempt in range(1, self._limits.attempts + 1):
            wait = None
            try:
                answer = await self._once(request)
            except ServerSilent:
                wait = self._wait(attempt, None)
                if wait is None:
                    raise
            else:
                busy = answer.status in _BUSY
                wait = self._wait(attempt, answer.headers.get("retry-after")) if busy else None
                if wait is None:
                    return answer
                await answer.close()
            await self._sleep(wait)
        raise AssertionError("the last attempt has returned or raised")

    def _wait(self, attempt: int, retry_after: str | None) -> float | None:
        limits = self._limits
        if attempt >= limits.attempts:
            return None
        return next_wait(attempt, retry_after, limits.first_wait, limits.longest_wait, self._random.random())

    async def _once(self, request: Request) -> Answer:
        target = self.check(request.url)
        deadline = asyncio.get_running_loop().time() + self._limits.total_seconds
        client = self._client(target)
        client.n_open += 1
        response = None
        try:
            async with asyncio.timeout_at(deadline):
                await self._let_go()
                addresses = check_answer(target, await self._resolve(target.host, target.port))
                response = await _connect(client.http, target, addresses[:_MOST_ADDRESSES], request)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise ServerSilent(location=request.url, reason=_reason(error)) from error
        finally:
            client.n_open -= response is None
        return Answer(str(target.url), response, deadline, client)

    def _client(self, target: Target) -> _Client:
        """One client per origin, so that no connection made for one name is used for another at the same address."""
        client = self._clients.pop(target.origin, None) or _Client(self._new_client())
        self._clients[target.origin] = client
        return client

    async def _let_go(self) -> None:
        """Close what was not used for longest, when there are many; never what is being read."""
        idle = [origin for origin, one in self._clients.items() if not one.n_open]
        if len(self._clients) > _MOST_CLIENTS and idle:
            await self._clients.pop(idle[0]).http.aclose()

    def _new_client(self) -> httpx.AsyncClient:
        if self._tls is None:
            self._tls = _system_tls()
        limits = self._limits
        return httpx.AsyncClient(
            verify=self._tls,
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": USER_AGENT, "Accept": "*/*"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            timeout=httpx.Timeout(limits.read_seconds, connect=limits.connect_seconds),
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=1, keepalive_expiry=20),
        )


async def _connect(
    http: httpx.AsyncClient, target: Target, addresses: Sequence[str], request: Request
) -> httpx.Response:
    """The answer of the first address that takes the connection."""
    for address in addresses[:-1]:
        try:
            return await _send(http, target, address, request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            continue
    return await _send(http, target, addresses[-1], request)


async def _send(http: httpx.AsyncClient, target: Target, address: str, request: Request) -> httpx.Response:
    outgoing = http.build_request(
        request.method,
        target.url.copy_with(host=address),
        headers={"Accept-Encoding": "gzip", **request.headers, "Host": target.url.netloc.decode("ascii")},
        content=request.content,
        # The certificate is asked for, and checked against, the name and not the address.
        extensions={"sni_hostname": target.host},
    )
    return await http.send(outgoing, stream=True)


def _redirected(request: Request, answer: Answer, location: str) -> Request:
    """The next request; what was meant for one origin is not told to another."""
    same = location.startswith(f"{httpx.URL(answer.url).join('/')}")
    return replace(request, url=location, headers=request.headers if same else {})


def _system_tls() -> ssl.SSLContext:
    """Trusts what the machine trusts, and the shipped list where the machine has none."""
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def _reason(error: Exception) -> str:
    if isinstance(error, (TimeoutError, httpx.TimeoutException)):
        return "it took too long"
    if isinstance(error, socket.gaierror):
        return "its host is not known"
    return str(error) or type(error).__name__
