"""A server of a few endpoints in memory: documents are ready at once, and a search finds the texts that share words."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from ragkeeper.cli.client import Client

Found = dict[str, Any]


@dataclass
class FakeServer:
    """`unread`: names of documents that fail. `pending`: statuses that the next listings by status still show."""

    collections: set[str] = field(default_factory=set)
    documents: dict[str, Found] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    pending: list[str] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    searches: list[Found] = field(default_factory=list)
    conversations: int = 0

    @contextmanager
    def connect(self) -> Iterator[Client]:
        with httpx.Client(transport=httpx.MockTransport(self.answer), base_url="http://fake") as http:
            yield Client(http)

    def answer(self, request: httpx.Request) -> httpx.Response:
        method, path = request.method, request.url.path
        if method == "DELETE":
            return self._delete(path)
        if method == "GET":
            return self._get(path, dict(request.url.params))
        if not request.headers["content-type"].startswith("application/json"):
            return self._add(
                request.content.decode(errors="replace").split('name="name"\r\n\r\n')[1].split("\r\n")[0], ""
            )
        return self._post(path, json.loads(request.content))

    def _get(self, path: str, query: dict[str, str]) -> httpx.Response:
        if path == "/status":
            return httpx.Response(200, json={"embedding_model": "fake", "answer_mode": "extractive"})
        if path == "/api/v1/collections":
            return httpx.Response(200, json=[{"name": name} for name in self.collections])
        status, cursor = query.get("status"), int(query.get("cursor", 0))
        if status in self.pending:
            self.pending.remove(status)
            return httpx.Response(200, json={"items": [{}], "next_cursor": None})
        rows = [found for found in self.documents.values() if status in {None, found["status"]}]
        page = rows[cursor : cursor + 2]
        following = str(cursor + 2) if cursor + 2 < len(rows) else None
        return httpx.Response(200, json={"items": page, "next_cursor": following})

    def _post(self, path: str, body: Found) -> httpx.Response:
        if path == "/api/v1/collections":
            self.collections.add(body["name"])
            return httpx.Response(201, json=body)
        if path == "/api/v1/documents":
            return self._add(body["name"], body["text"])
        if path == "/chat":
            return self._chat(body["message"])
        self.searches.append(body)
        return httpx.Response(200, json={"results": self._search(body["query"])[: body.get("top_k", 10)]})

    def _add(self, name: str, text: str) -> httpx.Response:
        self.uploads.append(name)
        failed = name in self.unread
        self.documents[name] = {
            "id": f"id-{name}",
            "name": name,
            "text": text,
            "status": "failed" if failed else "ready",
            "version": {"error": {"message": "it is broken"} if failed else None},
        }
        return httpx.Response(202, json={"id": f"id-{name}"})

    def _delete(self, path: str) -> httpx.Response:
        if path.startswith("/api/v1/conversations/"):
            self.conversations -= 1
            return httpx.Response(204)
        del self.documents[path.rpartition("/id-")[2]]
        return httpx.Response(200, json={})

    def _search(self, query: str) -> list[Found]:
        asked = set(query.lower().split())
        shared = {name: len(asked & set(found["text"].lower().split())) for name, found in self.documents.items()}
        return [{"name": name} for name, count in sorted(shared.items(), key=lambda item: -item[1]) if count]

    def _chat(self, message: str) -> httpx.Response:
        self.conversations += 1
        hits = self._search(message)
        quote = self.documents[hits[0]["name"]]["text"] if hits else ""
        body = {
            "answer": f"{quote} [1]" if hits else "Not found.",
            "citations": [{"quote": quote}] if hits else [],
            "refused": not hits,
            "confidence": 0.9 if hits else 0.1,
            "conversation_id": "c1",
        }
        return httpx.Response(200, json=body)
