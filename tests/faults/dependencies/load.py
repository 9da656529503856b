"""Constant light load from a client of its own: searches, questions, one slow stream, and changes where asked for."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import Any

import httpx

SEARCH_EVERY = 0.25
ASK_EVERY = 0.5
STREAM_EVERY = 0.5
CHANGE_EVERY = 1.0
PATIENCE = 60.0
WITHOUT_RETRY_AFTER = " without Retry-After"

# Title, text, question.
TEXTS = (
    ("Leave", "Employees get twelve weeks of parental leave.", "How many weeks of parental leave do employees get?"),
    ("Pump", "The pump P-7 is serviced every 400 hours by Greta.", "How often is the pump P-7 serviced?"),
    ("Bakery", "The bakery in Elm Street opens at five in the morning.", "When does the bakery in Elm Street open?"),
    ("Bell", "A silver bell was rung at the lighthouse on foggy nights.", "What was rung at the lighthouse at night?"),
    ("Invoice", "Invoices are paid within thirty days of their arrival.", "Within how many days are invoices paid?"),
    ("Parking", "Visitors park behind the library, next to the red gate.", "Where do visitors park?"),
)


class Kind(StrEnum):
    SEARCH = "search"
    ANSWER = "answer"
    STREAM = "stream"
    CHANGE = "change"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class Sample:
    """One request as its client saw it. Times are of `time.monotonic`.

    code: why it failed, empty where it did not. mode: of the answer; searched: by what. kept: whether the exchange
    was. tokens, last_events: pieces of a stream, and how many of its events were last ones.
    """

    kind: Kind
    began: float
    ended: float
    code: str = ""
    mode: str = "full"
    searched: str = "hybrid"
    kept: bool = True
    tokens: int = 0
    last_events: int = 1

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def failed(self) -> bool:
        return bool(self.code)

    @property
    def is_whole(self) -> bool:
        """With all that there is when nothing is broken."""
        return not self.code and (self.mode, self.searched, self.kept) == ("full", "hybrid", True)


class Load:
    """`samples` grows from `running` until its end."""

    def __init__(self, address: str, key: str, *, changes: bool) -> None:
        limits = httpx.Limits(max_connections=100)
        headers = {"X-API-Key": key}
        self._http = httpx.AsyncClient(base_url=address, headers=headers, timeout=PATIENCE, limits=limits)
        self._changes = changes
        self._speaking = asyncio.Event()
        self.samples: list[Sample] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Requests under way at the end are waited for."""
        stopping = asyncio.Event()
        work = [
            self._steadily(SEARCH_EVERY, self._search, stopping),
            self._steadily(ASK_EVERY, self._ask, stopping),
            self._one_by_one(self._stream, stopping),
        ]
        if self._changes:
            work.append(self._steadily(CHANGE_EVERY, self._change, stopping))
        tasks = [asyncio.create_task(one) for one in work]
        try:
            yield
        finally:
            stopping.set()
            await asyncio.gather(*tasks)
            await self._http.aclose()

    async def in_a_stream(self) -> None:
        """Return when the slow stream has shown its first piece, so that it has more to show."""
        self._speaking.clear()
        async with asyncio.timeout(PATIENCE):
            await self._speaking.wait()

    async def get(self, path: str) -> Any:
        return (await self._http.get(path)).json()

    def add(self, sample: Sample) -> None:
        self.samples.append(sample)

    async def _steadily(
        self, every: float, request: Callable[[int], Awaitable[Sample]], stopping: asyncio.Event
    ) -> None:
        """At fixed times, whether earlier ones were answered or not."""
        async with asyncio.TaskGroup() as group:
            for number in count():
                if stopping.is_set():
                    return
                group.create_task(self._kept(request, number))
                await asyncio.sleep(every)

    async def _one_by_one(self, request: Callable[[int], Awaitable[Sample]], stopping: asyncio.Event) -> None:
        for number in count():
            if stopping.is_set():
                return
            await asyncio.gather(self._kept(request, number), asyncio.sleep(STREAM_EVERY))

    async def _kept(self, request: Callable[[int], Awaitable[Sample]], number: int) -> None:
        self.add(await request(number))

    async def _search(self, number: int) -> Sample:
        title, _, question = TEXTS[number % len(TEXTS)]
        began = time.monotonic()
        code, body = await self._post("/api/v1/search", {"query": question})
        if not code and title not in [hit["title"] for hit in body["results"]]:
            code = "not_found"
        return Sample(Kind.SEARCH, began, time.monotonic(), code, searched=body.get("mode", "none"))

    async def _ask(self, number: int) -> Sample:
        began = time.monotonic()
        code, body = await self._post("/chat", {"message": TEXTS[number % len(TEXTS)][2]})
        return _answered(Kind.ANSWER, began, code, body)

    async def _change(self, number: int) -> Sample:
        began = time.monotonic()
        body = {"title": f"Note {number}", "text": f"Note {number} was written down at noon."}
        code, _ = await self._post("/api/v1/documents", body)
        return Sample(Kind.CHANGE, began, time.monotonic(), code)

    async def _stream(self, number: int) -> Sample:
        began = time.monotonic()
        body = {"message": TEXTS[number % len(TEXTS)][2]}
        names: list[str] = []
        last: dict[str, Any] = {}
        try:
            async with self._http.stream("POST", "/chat/stream", json=body) as response:
                async for line in response.aiter_lines():
                    if line.startswith("event: "):
                        names.append(line.removeprefix("event: "))
                    elif line.startswith("data: ") and names[-1] == "token" and names.count("token") == 1:
                        self._speaking.set()
                    elif line.startswith("data: ") and names[-1] in {"done", "error"}:
                        last = json.loads(line.removeprefix("data: "))
        except httpx.TransportError as error:
            last = {"code": type(error).__name__}
        n_last = sum(name in {"done", "error"} for name in names)
        code = "" if names[-1:] == ["done"] else str(last.get("code", "no_last_event"))
        return _answered(Kind.STREAM, began, code, last, tokens=names.count("token"), last_events=n_last)

    async def _post(self, path: str, body: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Why it failed, empty where it did not, and the reply."""
        try:
            response = await self._http.post(path, json=body)
        except httpx.TransportError as error:
            return type(error).__name__, {}
        found: dict[str, Any] = response.json()
        return _failure(response, found), found


def _failure(response: httpx.Response, body: Mapping[str, Any]) -> str:
    if response.is_success:
        return ""
    said = "" if "retry-after" in response.headers else WITHOUT_RETRY_AFTER
    return f"{response.status_code} {body.get('code')}{said}"


def _answered(
    kind: Kind, began: float, code: str, body: Mapping[str, Any], *, tokens: int = 0, last_events: int = 1
) -> Sample:
    """A refusal counts as a failure: every question has its answer in the documents."""
    if not code and (body["refused"] or not body["answer"]):
        code = "refused"
    return Sample(
        kind,
        began,
        time.monotonic(),
        code,
        mode=body.get("mode", "none"),
        searched=body.get("search_mode", "none"),
        kept=body.get("message_id") is not None,
        tokens=tokens,
        last_events=last_events,
    )
