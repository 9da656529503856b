"""`/` and its files answer anybody: they hold no data. What they show comes from the API, with the user's key."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

_STATIC = Path(__file__).parent / "static"
# Only our own files run, and nothing may frame the page: a document's text can never become a script.
_POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def console_routes() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def home() -> FileResponse:
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
        return FileResponse(_STATIC / "index.html", headers=headers)

    router.mount("/console", StaticFiles(directory=_STATIC), name="console")
    return router
