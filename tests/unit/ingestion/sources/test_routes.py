from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI

from ragkeeper.core.access import Caller
from ragkeeper.http.errors import install_error_handlers
from ragkeeper.ingestion.sources.routes import source_routes
from tests.sources import Keeper, keeping
from tests.wired import ADMIN, user

BODY = {"name": "my docs", "kind": "folder", "location": "/srv/docs"}
PATH = "/api/v1/sources/my%20docs"


class ByName:
    """The key is the caller's name."""

    async def caller(self, api_key: str) -> Caller | None:
        return ADMIN if api_key == "admin" else user(api_key)


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Keeper, httpx.AsyncClient]]:
    async with keeping(folder) as keeper:
        app = FastAPI()
        app.state.authenticator = ByName()
        install_error_handlers(app)
        app.include_router(source_routes(keeper.service))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"x-api-key": "admin"}
        async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as http:
            yield keeper, http


async def test_a_source_is_added_shown_changed_synchronised_and_removed(tmp_path: Path) -> None:
    async with served(tmp_path) as (keeper, http):
        added = await http.post("/api/v1/sources", json=BODY)
        assert (added.status_code, added.json()["last_run"], added.json()["created_by"]) == (201, None, "local")
        keeper.place.contents |= {"a.md": "Alpha.", "b.md": ""}
        plan = await http.post(f"{PATH}/sync", json={"dry_run": True})
        assert plan.status_code == 200
        assert plan.json() == {
            "add": 2,
            "update": 0,
            "remove": 0,
            "unchanged": 0,
            "fail": 0,
            "changes": [{"key": "a.md", "change": "add"}, {"key": "b.md", "change": "add"}],
            "stopped": None,
        }
        started = await http.post(f"{PATH}/sync")
        assert started.status_code == 202
        job_id = started.json()["job_id"]
        await keeper.ended(job_id)
        assert (await http.get(f"/api/v1/syncs/{job_id}")).json()["state"] == "done"
        shown = (await http.get(PATH)).json()
        assert (shown["items"], shown["failed"], shown["last_run"]["state"]) == (2, 1, "done")
        assert [(one["key"], one["code"]) for one in shown["failures"]] == [("b.md", "file_empty")]
        listed = (await http.get("/api/v1/sources")).json()
        assert listed == [{name: value for name, value in shown.items() if name != "failures"}]
        changed = await http.patch(PATH, json={"paused": True, "schedule": "0 2 * * *"})
        assert (changed.json()["paused"], changed.json()["schedule"]) == (True, "0 2 * * *")
        assert (await http.post(f"{PATH}/sync")).json()["code"] == "source_paused"
        dry = await http.delete(PATH, params={"documents": "delete", "dry_run": True})
        assert dry.json() == {"name": "my docs", "deleted": 1, "kept": 0}
        kept = await http.delete(PATH)
        assert kept.json() == {"name": "my docs", "deleted": 0, "kept": 1}
        assert (await http.get(PATH)).json()["code"] == "source_unknown"
        assert (await keeper.texts()).keys() == {"my docs/a.md"}


async def test_all_sources_are_read_again_with_one_call(tmp_path: Path) -> None:
    async with served(tmp_path) as (keeper, http):
        await http.post("/api/v1/sources", json=BODY)
        keeper.place.gate.clear()
        first = await http.post("/ingest")
        assert first.status_code == 202
        assert (await http.post("/ingest")).json() == first.json()
        assert len(first.json()["job_ids"]) == 1
        keeper.place.gate.set()
        await keeper.ended(first.json()["job_id"])


async def test_only_administrators_come_in(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, http):
        await http.post("/api/v1/sources", json=BODY)
        for method, path, body in (
            ("GET", "/api/v1/sources", None),
            ("POST", "/api/v1/sources", BODY),
            ("GET", PATH, None),
            ("PATCH", PATH, {"paused": True}),
            ("DELETE", PATH, None),
            ("POST", f"{PATH}/sync", {"dry_run": True}),
            ("POST", f"{PATH}/sync", None),
            ("GET", "/api/v1/syncs/x", None),
            ("POST", "/ingest", None),
        ):
            answer = await http.request(method, path, json=body, headers={"x-api-key": "somebody"})
            assert answer.status_code == 403, (method, path)


async def test_bad_bodies_are_refused(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, http):
        names = ({"name": "a/b"}, {"name": ""}, {"name": ".."})
        for changed in (*names, {"kind": "ftp"}, {"location": ""}, {"location": "/a\0"}, {"more": 1}):
            answer = await http.post("/api/v1/sources", json={**BODY, **changed})
            assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid"), changed
        assert (await http.get("/api/v1/sources")).json() == []
