"""A server that answers what a test tells it to, reached without a socket; and a way to run commands against it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import typer

from ragkeeper.cli.app import run
from ragkeeper.cli.client import Client

Answer = Callable[[httpx.Request], httpx.Response]


@dataclass
class FakeServer:
    """`answers`: by method and path; JSON, a response, or a function of the request. Anything else is a 404."""

    answers: dict[str, Any] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)
    private: bool = False

    @contextmanager
    def connect(self) -> Iterator[Client]:
        transport = httpx.MockTransport(self._answer)
        with httpx.Client(base_url="http://fake", transport=transport) as http:
            yield Client(http, private=self.private)

    def asked(self, number: int = -1) -> str:
        request = self.requests[number]
        return f"{request.method} {request.url.raw_path.decode()}"

    def sent(self, number: int = -1) -> Any:
        return json.loads(self.requests[number].content)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.get(f"{request.method} {request.url.path}")
        if answer is None:
            return problem(404, "route_unknown")
        if callable(answer):
            answer = answer(request)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


def problem(status: int, code: str, detail: str = "It failed.", fix: str = "Do better.") -> httpx.Response:
    body = {"status": status, "code": code, "title": detail, "detail": detail, "fix": fix}
    return httpx.Response(status, json=body, headers={"content-type": "application/problem+json"})


def stream(*events: tuple[str, Any]) -> httpx.Response:
    text = "".join(f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n" for name, data in events)
    return httpx.Response(200, content=text.encode(), headers={"content-type": "text/event-stream"})


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Result]


def runner(app: typer.Typer, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line as the installed program does."""

    def run_command(*arguments: str) -> Result:
        code = run(app, arguments)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run_command


def document(document_id: str = "d1", status: str = "ready", **more: Any) -> dict[str, Any]:
    """A document as the HTTP API shows it; `version` overrides parts of its version."""
    version: Mapping[str, Any] = more.pop("version", {})
    return {
        "id": document_id,
        "collection": "default",
        "name": f"{document_id}.md",
        "title": f"Title of {document_id}",
        "status": status,
        "metadata": {},
        "version": {"size": 2048, "error": None, "warnings": [], "number": 1, **version},
        **more,
    }
