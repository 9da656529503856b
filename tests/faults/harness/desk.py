"""A folder outside the server that is one of its sources: files come, change and go, and a synchronisation follows."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx

from tests.faults.harness.model import Model, Outcome
from tests.faults.harness.texts import Content

SOURCE = "desk"
_SYNC_SECONDS = 120.0


class Desk:
    """`files` is what lies there; the documents are those of the last run, and in doubt after every change."""

    def __init__(self, folder: Path, model: Model) -> None:
        self._folder = folder.resolve()
        self._model = model
        self.files: dict[str, Content] = {}
        self.disturbed = True  # since the last run that was waited for
        folder.mkdir(exist_ok=True)

    def put(self, place: str, content: Content) -> None:
        """A file in this place; one of another kind that lay there goes."""
        name = f"{place}{content.suffix}"
        for other in [other for other in self.files if other.startswith(f"{place}.") and other != name]:
            self.take(other)
        self.disturbed = True
        self._model.putting(_document(name), content)
        self._model.put(_document(name), content, Outcome.UNKNOWN)
        self.files[name] = content
        hidden = self._folder / f".{name}"
        hidden.write_bytes(content.data)
        hidden.replace(self._folder / name)

    def clear(self, place: str) -> None:
        for name in [name for name in self.files if name.startswith(f"{place}.")]:
            self.take(name)

    def take(self, name: str) -> None:
        self.disturbed = True
        del self.files[name]
        (self._folder / name).unlink()
        self._model.deleted(_document(name), Outcome.UNKNOWN, time.monotonic())

    def body(self) -> dict[str, str]:
        """What makes a source of it."""
        return {"name": SOURCE, "kind": "folder", "location": str(self._folder)}

    async def bring_in_step(self, http: httpx.AsyncClient) -> str | None:
        """Let the server read it twice: the first run may have begun before the last change. A sentence if it fails."""
        if not self.disturbed or not await self._is_source(http):
            return None
        for _ in range(2):
            if failure := await self._run(http):
                return failure
        for name in [name for name in self._model.names if name.startswith(f"{SOURCE}/")]:
            if name.removeprefix(f"{SOURCE}/") not in self.files:
                self._model.deleted(name, Outcome.DONE, time.monotonic())
        for name, content in self.files.items():
            self._model.put(_document(name), content, Outcome.DONE)
        self.disturbed = False
        return None

    async def _is_source(self, http: httpx.AsyncClient) -> bool:
        """False where the product has no sources."""
        answer = await http.get(f"/api/v1/sources/{SOURCE}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            answer = await http.post("/api/v1/sources", json=self.body())
        return answer.is_success

    async def _run(self, http: httpx.AsyncClient) -> str | None:
        answer = await http.post(f"/api/v1/sources/{SOURCE}/sync", json={"allow_removals": True})
        if not answer.is_success:
            return f"the synchronisation does not begin: {answer.status_code} {answer.text}"
        end = time.monotonic() + _SYNC_SECONDS
        state: dict[str, Any] = {}
        while time.monotonic() < end:
            state = (await http.get(f"/api/v1/syncs/{answer.json()['job_id']}")).json()
            if state.get("state") == "done":
                return None
            if state.get("state") in {"failed", "cancelled"}:
                break
            await asyncio.sleep(0.1)
        return f"the synchronisation does not end well: {state}"


def _document(name: str) -> str:
    return f"{SOURCE}/{name}"
