"""The server as commands see it: JSON in, JSON out, problems raised."""

import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import httpx

from ragkeeper.cli.errors import CommandFailed, FileChanged, ServerSilent, ServerUnreachable

_ERROR = 400
_UNAUTHORIZED = 401
# The server's advice is for whoever writes requests; a command takes its key from the settings.
_KEY_FIX = "Unset API_KEY, or set it to the key that the server was started with; then run the command again."
# The server did nothing yet and says when to come again; whoever typed a command would only type it again.
_OVERLOADED = "overloaded"
_PATIENCE = 60.0
_LONGEST_PAUSE = 10.0


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event."""

    name: str
    data: Any


class Client:
    """Sends one request per call over `http`, which carries the address and the key.

    Raises CommandFailed when the server answers with a problem, ServerSilent when it does not answer in time and
    ServerUnreachable when it cannot be reached.
    `accept` names statuses that are answers although they are 400 or above. A server that has too much to do is asked
    again for a minute. `private`: that server was started for this command and ends with it.
    """

    def __init__(
        self, http: httpx.Client, sleep: Callable[[float], None] = time.sleep, *, private: bool = False
    ) -> None:
        self.private = private
        self._http = http
        self._sleep = sleep

    def get(self, path: str, *, accept: Collection[int] = (), **query: object) -> Any:
        """Query parameters that are None are left out."""
        given = {name: str(value) for name, value in query.items() if value is not None}
        return self._send("GET", path, accept=accept, params=given)

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        return self._send("POST", path, json=body)

    def patch(self, path: str, body: Mapping[str, object]) -> Any:
        return self._send("PATCH", path, json=body)

    def delete(self, path: str) -> Any:
        return self._send("DELETE", path)

    def upload(self, path: str, name: str, content: BinaryIO, fields: Mapping[str, str]) -> Any:
        """Send a file as a form, block by block. Raises FileChanged when its size changes under way."""
        files = {"file": (name, content, "application/octet-stream")}
        return self._send("POST", path, content, files=files, data=dict(fields))

    def stream(self, path: str, body: Mapping[str, object]) -> Iterator[Event]:
        """The answer's events as they come; an `error` event is raised as CommandFailed."""
        with self._reaching(), self._http.stream("POST", path, json=body) as response:
            if response.status_code >= _ERROR:
                response.read()
                raise CommandFailed(_problem(response))
            for event in events(response.iter_bytes()):
                if event.name == "error":
                    raise CommandFailed(event.data)
                yield event

    def _send(
        self, method: str, path: str, content: BinaryIO | None = None, *, accept: Collection[int] = (), **request: Any
    ) -> Any:
        """content: what `request` sends from a file, to be sent from its start again."""
        waited = 0.0
        while True:
            with self._reaching():
                response = self._http.request(method, path, **request)
            if response.status_code < _ERROR or response.status_code in accept:
                return response.json() if response.content else None
            problem = _problem(response)
            if problem["code"] != _OVERLOADED or waited >= _PATIENCE:
                raise CommandFailed(problem)
            pause = min(float(response.headers.get("retry-after", 1)), _LONGEST_PAUSE)
            self._sleep(pause)
            waited += pause
            if content is not None:
                content.seek(0)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except httpx.LocalProtocolError as error:
            raise FileChanged from error
        except httpx.ReadTimeout as error:
            raise ServerSilent(url=self._http.base_url, seconds=self._http.timeout.read) from error
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise ServerUnreachable(url=self._http.base_url, reason=reason) from error


def events(blocks: Iterator[bytes]) -> Iterator[Event]:
    """Server-sent events from the bytes of a stream, however they were cut.

    Lines end with a line feed alone: JSON may hold other characters that some would take for line ends.
    """
    rest = b""
    for block in blocks:
        *complete, rest = (rest + block).split(b"\n\n")
        yield from (_event(text.decode()) for text in complete if text.strip())


def _event(text: str) -> Event:
    fields = dict(line.split(": ", 1) for line in text.split("\n") if ": " in line)
    return Event(fields.get("event", "message"), json.loads(fields.get("data", "null")))


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and "code" in body:
        return {**body, "fix": _KEY_FIX} if response.status_code == _UNAUTHORIZED else body
    return {
        "code": "http_error",
        "status": response.status_code,
        "title": f"The server answered {response.status_code} {response.reason_phrase}.",
        "fix": "Look at the server's log.",
    }
