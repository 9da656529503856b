"""Operations as HTTP requests; what comes of each is told to the model, and what it shows is held against it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import httpx

from tests.faults.harness import texts
from tests.faults.harness.desk import SOURCE, Desk
from tests.faults.harness.model import Model, Outcome
from tests.faults.harness.workload import FOLDERS, Act, Operation

_SECONDS = 60.0
_NOTHING_DONE = range(400, 500)


class Client:
    """One server's client. `failures`: what was shown that must not be, or answered as nothing should be."""

    def __init__(
        self, address: str, key: str, model: Model, desk: Desk, failures: list[str], conversations: list[str]
    ) -> None:
        self.http = httpx.AsyncClient(base_url=address, headers={"X-API-Key": key}, timeout=_SECONDS)
        self._model = model
        self._desk = desk
        self._failures = failures
        self._busy: dict[str, asyncio.Lock] = {}
        self._conversations = conversations
        self._acts: Mapping[Act, Callable[[Operation], Awaitable[object]]] = {
            Act.PUT: self._put,
            Act.DELETE: self._delete,
            Act.DELETE_MANY: self._delete_many,
            Act.DELETE_FOLDER: self._delete_folder,
            Act.DRY_RUN: self._dry_run,
            Act.CANCEL: self._cancel,
            Act.RETRY: self._retry,
            Act.RETRY_FAILED: lambda _: self._post("/api/v1/jobs/retry", json={}),
            Act.PAUSE: lambda _: self._post("/api/v1/jobs/pause"),
            Act.RESUME: lambda _: self._post("/api/v1/jobs/resume"),
            Act.SEARCH: self._search,
            Act.ASK: self._ask,
            Act.STREAM: self._stream,
            Act.MESSAGES: self._messages,
            Act.FORGET: self._forget,
            Act.CHUNKS: lambda one: self._read(one, "chunks"),
            Act.CONTENT: lambda one: self._read(one, "content"),
            Act.LIST: lambda _: self._ask_for("/api/v1/documents", {"limit": 500}),
            Act.FILE: self._file,
            Act.NO_FILE: self._no_file,
            Act.SYNC: lambda _: self._sync({"allow_removals": True}),
            Act.SYNC_DRY: lambda _: self._sync({"dry_run": True}),
            Act.JOBS: lambda _: self._ask_for("/api/v1/jobs", {"limit": 100}),
        }
        self.disk_fails: Callable[[], bool] = lambda: False
        self.sent = 0
        self.answers: dict[int, int] = {}

    async def close(self) -> None:
        await self.http.aclose()

    async def perform(self, operation: Operation) -> None:
        """Do it; changes of one name wait for one another."""
        async with AsyncExitStack() as held:
            for name in operation.names if operation.act is not Act.DRY_RUN else ():
                await held.enter_async_context(self._busy.setdefault(name, asyncio.Lock()))
            await self._acts[operation.act](operation)

    # --- changes

    async def _put(self, one: Operation) -> None:
        name, record = one.names[0], self._model.name(one.names[0])
        self._model.putting(name, one.content)
        file = {"file": (f"note{one.content.suffix}", one.content.data)}
        outcome, answer = await self._send("POST", "/api/v1/documents", files=file, data={"name": name})
        body = answer.json() if answer is not None and outcome is Outcome.DONE else {}
        if body.get("duplicate") and body["id"] != record.document:
            outcome = Outcome.REFUSED if record.document or record.possible == {None} else Outcome.UNKNOWN
        self._model.put(name, one.content, outcome)
        if outcome is Outcome.DONE:
            record.document, record.job = body["id"], body["job_id"]

    async def _delete(self, one: Operation) -> None:
        if document := self._model.name(one.names[0]).document:
            outcome, _ = await self._send("DELETE", f"/api/v1/documents/{document}")
            self._model.deleted(one.names[0], outcome, time.monotonic())

    async def _delete_many(self, one: Operation) -> None:
        found = {name: record.document for name in one.names if (record := self._model.name(name)).document}
        if found:
            await self._delete_those(found.keys(), {"ids": list(found.values())})

    async def _delete_folder(self, one: Operation) -> None:
        await self._delete_those(one.names, {"filter": {"name_prefix": _folder(one)}})

    async def _delete_those(self, names: Any, body: Mapping[str, Any]) -> None:
        outcome, _ = await self._send("POST", "/api/v1/documents/delete", json=body)
        now = time.monotonic()
        for name in names:
            self._model.deleted(name, outcome, now)

    async def _dry_run(self, one: Operation) -> None:
        await self._post("/api/v1/documents/delete", json={"filter": {"name_prefix": _folder(one)}, "dry_run": True})

    async def _cancel(self, one: Operation) -> None:
        if job := self._model.name(one.names[0]).job:
            outcome, _ = await self._send("POST", f"/api/v1/jobs/{job}/cancel")
            self._model.cancelled(one.names[0], outcome)

    async def _retry(self, one: Operation) -> None:
        if job := self._model.name(one.names[0]).job:
            self._model.retrying(one.names[0])
            await self._post(f"/api/v1/jobs/{job}/retry")

    # --- questions

    async def _search(self, one: Operation) -> None:
        mode = ("hybrid", "lexical", "dense")[one.number % 3]
        await self._post("/api/v1/search", json={"query": one.content.question, "mode": mode, "top_k": 10})

    async def _ask(self, one: Operation) -> None:
        body = {"message": one.content.question}
        if self._conversations and one.number % 3:
            body["conversation_id"] = self._conversations[one.number % len(self._conversations)]
        answer = await self._post("/chat", json=body)
        if answer is not None and answer.status_code == httpx.codes.OK:
            self._conversations[:] = [*self._conversations[-20:], answer.json()["conversation_id"]]

    async def _stream(self, one: Operation) -> None:
        await self._post("/chat/stream", json={"message": one.content.question})

    async def _messages(self, one: Operation) -> None:
        if self._conversations:
            chosen = self._conversations[one.number % len(self._conversations)]
            await self._ask_for(f"/api/v1/conversations/{chosen}/messages", {})

    async def _forget(self, one: Operation) -> None:
        if self._conversations:
            chosen = self._conversations.pop(one.number % len(self._conversations))
            await self._send("DELETE", f"/api/v1/conversations/{chosen}")

    async def _read(self, one: Operation, what: str) -> None:
        if document := self._model.name(one.names[0]).document:
            await self._ask_for(f"/api/v1/documents/{document}/{what}", {})

    # --- the source

    async def _file(self, one: Operation) -> None:
        if one.content.readable:
            self._desk.put(one.names[0], one.content)

    async def _no_file(self, one: Operation) -> None:
        self._desk.clear(one.names[0])

    async def _sync(self, body: Mapping[str, bool]) -> None:
        self._desk.disturbed = True
        await self._post(f"/api/v1/sources/{SOURCE}/sync", json=body)

    # --- the wire

    async def get(self, path: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The answer's object, asked for again where it says when to. Raises httpx.TransportError when none comes."""
        give_up = time.monotonic() + _SECONDS
        while (answer := await self._ask_for(path, parameters)) is not None:
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > give_up:
                found: dict[str, Any] = answer.json()
                return found
            await asyncio.sleep(float(answer.headers.get("retry-after", 1)))
        raise httpx.ReadError(f"GET {path} is not answered")

    async def _ask_for(self, path: str, parameters: Mapping[str, Any]) -> httpx.Response | None:
        return (await self._send("GET", path, params=parameters))[1]

    async def _post(self, path: str, **body: Any) -> httpx.Response | None:
        return (await self._send("POST", path, **body))[1]

    async def _send(self, method: str, path: str, **body: Any) -> tuple[Outcome, httpx.Response | None]:
        asked_at = time.monotonic()
        try:
            answer = await self.http.request(method, path, **body)
        except httpx.ConnectError:
            return Outcome.UNSENT, None
        except httpx.TransportError:
            self.sent += 1
            return Outcome.UNKNOWN, None
        self.sent += 1
        self._look(method, path, answer, asked_at)
        return _outcome(answer), answer

    def _look(self, method: str, path: str, answer: httpx.Response, asked_at: float) -> None:
        self.answers[answer.status_code] = self.answers.get(answer.status_code, 0) + 1
        for number in self._model.leaks(texts.numbers_in(answer.text), asked_at):
            self._failures.append(
                f"{method} {path} shows text {number}, which was deleted or replaced before it was asked"
            )
        if self.disk_fails():
            return  # it may say so in whatever way, as long as everything is right afterwards
        if answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR and answer.json().get("code") == "internal_error":
            self._failures.append(
                f"{method} {path} is answered with internal_error, request {answer.json()['request_id']}"
            )


def _outcome(answer: httpx.Response) -> Outcome:
    if answer.is_success:
        return Outcome.DONE
    return Outcome.REFUSED if answer.status_code in _NOTHING_DONE else Outcome.UNKNOWN


def _folder(one: Operation) -> str:
    folder = one.names[0].partition("/")[0]
    assert folder in FOLDERS
    return f"{folder}/"
