"""Where traces of questions go, and on which paths questions are asked."""

from ragkeeper import __version__
from ragkeeper.conversations.routes import CHAT_PATHS
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import SettingInvalid, Settings
from ragkeeper.operations.tracing.rules import headers_of
from ragkeeper.operations.tracing.service import TraceExporter

QUESTION_PATHS = CHAT_PATHS | {"/v1/chat/completions", "/api/v1/search"}


def trace_exporter(settings: Settings, metrics: Metrics) -> TraceExporter | None:
    """None where the settings name nobody who collects them. Raises SettingInvalid."""
    if settings.otel_endpoint is None:
        return None
    try:
        headers = headers_of(settings.otel_headers.get_secret_value())
    except ValueError:
        reason = "it is not of the form name=value,name=value"
        raise SettingInvalid(name="RAG_OTEL_HEADERS", reason=reason) from None
    return TraceExporter(settings.otel_endpoint, headers, __version__, metrics)
