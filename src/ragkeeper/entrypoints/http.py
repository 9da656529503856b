"""The HTTP application: middleware order and every feature's routes."""

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp, Receive, Scope, Send

from ragkeeper import __version__
from ragkeeper.answers.routes import openai_routes
from ragkeeper.console.routes import console_routes
from ragkeeper.conversations.routes import CHAT_PATHS, chat_routes
from ragkeeper.core.access import Caller
from ragkeeper.core.clock import utc_now
from ragkeeper.core.settings import Settings
from ragkeeper.documents.routes import deletion_routes, document_routes
from ragkeeper.entrypoints.build import Application
from ragkeeper.entrypoints.status import StatusReport
from ragkeeper.entrypoints.tracing import QUESTION_PATHS
from ragkeeper.http.body import BodyLimit, BodyLimits, JsonUnsaid, KeyBeforeBody
from ragkeeper.http.errors import ServerStarting, install_error_handlers
from ragkeeper.http.lingering import Lingering
from ragkeeper.http.measuring import RequestMetrics
from ragkeeper.http.middleware import RequestEnvelope
from ragkeeper.http.overload import Kind, Overload, gates, unaided_gates
from ragkeeper.http.read_only import ChangesRefused
from ragkeeper.http.tracing import Tracing
from ragkeeper.identity.audit.routes import audit_routes
from ragkeeper.ingestion.progress.routes import job_routes
from ragkeeper.ingestion.routes import UPLOAD_PATHS, upload_routes
from ragkeeper.ingestion.sources.routes import source_routes
from ragkeeper.operations.alerts.routes import alert_routes
from ragkeeper.operations.breakers.routes import breaker_routes
from ragkeeper.operations.caches.routes import cache_routes
from ragkeeper.operations.capacity.routes import capacity_routes
from ragkeeper.operations.degradation.routes import degradation_routes
from ragkeeper.operations.degradation.schemas import for_everybody
from ragkeeper.operations.diagnose.routes import diagnose_routes
from ragkeeper.operations.health.routes import health_routes
from ragkeeper.operations.health.service import HealthService
from ragkeeper.operations.history.routes import history_routes
from ragkeeper.operations.metrics.routes import metrics_routes
from ragkeeper.operations.usage.routes import usage_routes
from ragkeeper.quality.golden.routes import golden_routes
from ragkeeper.retrieval.inspection.routes import inspection_routes
from ragkeeper.retrieval.reindex.routes import index_routes
from ragkeeper.retrieval.routes import search_routes

_MEGABYTE = 1_000_000
# Room for a form's other fields beside the file.
_FORM_BYTES = _MEGABYTE
_LARGEST_TEXT = 50 * _MEGABYTE
_LARGEST_OTHER = 4 * _MEGABYTE
# What is asked by POST and changes nothing, or nothing that is waited for.
_ASKING = CHAT_PATHS | {"/api/v1/search", "/v1/chat/completions", "/v1/embeddings", "/api/v1/index/check"}

# FastAPI's own would be looked for at each request, and could be switched on by variables that we know nothing of.
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


def create_app(application: Application) -> FastAPI:
    app = FastAPI(
        title="ragkeeper",
        version=__version__,
        summary="Answers questions from your own documents with citations that can be checked.",
        docs_url=None,
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
    )
    app.state.authenticator = application.authenticator
    install_error_handlers(app)
    settings = application.settings
    app.add_middleware(JsonUnsaid, paths=CHAT_PATHS)
    app.add_middleware(ChangesRefused, refusal=application.degradation.refusal, asking=_ASKING)
    # The last one added is the first to see a request: its end, its time, its id, then its key, then its size.
    app.add_middleware(BodyLimit, limits=body_limits(settings.max_upload_mb))
    app.add_middleware(KeyBeforeBody, authenticator=application.authenticator)
    if settings.shed_load:
        spare = unaided_gates(_aided(settings))
        known = application.authenticator.recognises
        app.add_middleware(Overload, gates(), application.metrics, unaided_gates=spare, recognises=known)
    if application.tracing is not None:
        app.add_middleware(Tracing, paths=QUESTION_PATHS, finished=application.tracing.finished)
    app.add_middleware(RequestEnvelope)
    app.add_middleware(RequestMetrics, metrics=application.metrics, uploads=UPLOAD_PATHS)
    app.add_middleware(Lingering)
    degradation = application.degradation
    status = StatusReport(application)
    told = (lambda: for_everybody(degradation.now), status.details)
    app.include_router(health_routes(application.health, status, application.providers, __version__, *told))
    # Routes are tried in this order, and each group that is passed by costs time: what people wait for comes early.
    app.include_router(search_routes(application.retrieval))
    app.include_router(chat_routes(application.conversations))
    app.include_router(degradation_routes(degradation))
    app.include_router(_metrics(application))
    app.include_router(alert_routes(application.alerts))
    app.include_router(breaker_routes(application.breakers))
    app.include_router(history_routes(application.history.service, lambda: application.history.recorder.keeping))
    app.include_router(capacity_routes(application.history.capacity))
    app.include_router(diagnose_routes(application.history.diagnosis))
    app.include_router(audit_routes(application.audit))
    app.include_router(usage_routes(application.metrics.families, utc_now))
    app.include_router(upload_routes(application.ingestion, application.files, application.sources.pages))
    app.include_router(document_routes(application.documents, application.files))
    app.include_router(job_routes(application.progress))
    app.include_router(deletion_routes(application.deletions))
    app.include_router(source_routes(application.sources.service))
    app.include_router(inspection_routes(application.upkeep.inspector, application.engine))
    app.include_router(index_routes(application.upkeep.reindex))
    app.include_router(cache_routes(application.caches.service))
    app.include_router(openai_routes(application.answers, application.embedder))
    app.include_router(golden_routes(application.golden))
    app.include_router(console_routes())
    return app


def _metrics(application: Application) -> APIRouter:
    token = application.settings.metrics_token.get_secret_value()
    return metrics_routes(application.metrics, token, application.looks.refresh)


def _aided(settings: Settings) -> frozenset[Kind]:
    """What asks models of somebody else's."""
    searches = {Kind.SEARCH, Kind.CHAT} if settings.embedding_model.startswith("openai:") else set()
    return frozenset(searches | ({Kind.CHAT} if settings.chat_providers else set()))


class Front:
    """What listens from the first moment: alive, and not ready until the application is there."""

    def __init__(self) -> None:
        self._app: ASGIApp = _starting_app()

    def open(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


class _NotYet:
    """Knows nobody: keys are read later in the start."""

    async def caller(self, api_key: str) -> Caller | None:  # noqa: ARG002 - the protocol's own parameter
        raise ServerStarting


def _starting_app() -> FastAPI:
    async def nothing_yet() -> dict[str, Any]:
        raise ServerStarting

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, telemetry=_NO_TELEMETRY)
    app.state.authenticator = _NotYet()
    install_error_handlers(app)
    app.add_middleware(RequestEnvelope)
    app.include_router(health_routes(HealthService({}, utc_now), nothing_yet, nothing_yet, __version__))

    app.mount("/", _not_yet)
    return app


async def _not_yet(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise ServerStarting


def body_limits(max_upload_mb: int) -> BodyLimits:
    file = max_upload_mb * _MEGABYTE
    return BodyLimits(file + _FORM_BYTES, min(_LARGEST_TEXT, file), _LARGEST_OTHER, UPLOAD_PATHS)
