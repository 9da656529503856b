"""`/`, `/docs` and their files answer anybody: they hold no data. What they show comes from the API, with a key."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse
from starlette.staticfiles import StaticFiles

_SWAGGER = "/console/vendor/swagger-ui"
_STATIC = Path(__file__).parent / "static"
# Only our own files run, and nothing may frame the page: a document's text can never become a script.
_POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"


def console_routes() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    async def home() -> FileResponse:
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
        return FileResponse(_STATIC / "index.html", headers=headers)

    @router.get("/docs")
    async def docs() -> HTMLResponse:
        # From our own files: the page must work on a machine that reaches nothing else.
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="ragkeeper: HTTP API",
            swagger_js_url=f"{_SWAGGER}/swagger-ui-bundle.js",
            swagger_css_url=f"{_SWAGGER}/swagger-ui.css",
            swagger_favicon_url="data:,",
        )

    router.mount("/console", StaticFiles(directory=_STATIC), name="console")
    return router
