"""The HTTP application: middleware order and every feature's routes."""

from fastapi import FastAPI

from ragkeeper import __version__
from ragkeeper.answers.routes import openai_routes
from ragkeeper.console.routes import console_routes
from ragkeeper.conversations.routes import chat_routes
from ragkeeper.documents.routes import document_routes
from ragkeeper.entrypoints.build import Application
from ragkeeper.http.body import BodyLimit, BodyLimits, KeyBeforeBody
from ragkeeper.http.errors import install_error_handlers
from ragkeeper.http.middleware import RequestEnvelope
from ragkeeper.ingestion.routes import UPLOAD_PATHS, upload_routes
from ragkeeper.operations.health.routes import health_routes
from ragkeeper.retrieval.routes import search_routes

_MEGABYTE = 1_000_000
# Room for a form's other fields beside the file.
_FORM_BYTES = _MEGABYTE
_LARGEST_TEXT = 50 * _MEGABYTE
_LARGEST_OTHER = 4 * _MEGABYTE


def create_app(application: Application) -> FastAPI:
    app = FastAPI(
        title="ragkeeper",
        version=__version__,
        summary="Answers questions from your own documents with citations that can be checked.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.authenticator = application.authenticator
    install_error_handlers(app)
    settings = application.settings
    # The last one added is the first to see a request: its id, then its key, then its size.
    app.add_middleware(BodyLimit, limits=body_limits(settings.max_upload_mb))
    app.add_middleware(KeyBeforeBody, authenticator=application.authenticator)
    app.add_middleware(RequestEnvelope)
    app.include_router(health_routes(application.health, application.status, __version__))
    app.include_router(upload_routes(application.ingestion, application.files))
    app.include_router(document_routes(application.documents, application.files))
    app.include_router(search_routes(application.retrieval))
    app.include_router(chat_routes(application.conversations))
    app.include_router(openai_routes(application.answers, application.embedder))
    app.include_router(console_routes())
    return app


def body_limits(max_upload_mb: int) -> BodyLimits:
    file = max_upload_mb * _MEGABYTE
    return BodyLimits(file + _FORM_BYTES, min(_LARGEST_TEXT, file), _LARGEST_OTHER, UPLOAD_PATHS)
