"""Traces as OTLP's JSON: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding. No I/O."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from ragkeeper.core.tracing import Trace

_SERVER, _INTERNAL = 2, 1
_OK, _ERROR = 1, 2


def payload(traces: Sequence[Trace], version: str) -> dict[str, Any]:
    spans = [span for trace in traces for span in _spans(trace)]
    resource = {"service.name": "ragkeeper", "service.version": version}
    scope = {"name": "ragkeeper", "version": version}
    scoped = {"scope": scope, "spans": spans}
    return {"resourceSpans": [{"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scoped]}]}


def headers_of(text: str) -> dict[str, str]:
    """From `name=value,name=value`, as OpenTelemetry's own setting has them. Raises ValueError."""
    pairs = [pair.split("=", 1) for pair in text.split(",") if pair.strip()]
    if any(len(pair) != 2 or not pair[0].strip() for pair in pairs):  # noqa: PLR2004 - a name and a value
        raise ValueError("each is name=value")
    return {name.strip(): value.strip() for name, value in pairs}


def _spans(trace: Trace) -> list[dict[str, Any]]:
    root = secrets.token_hex(8)
    whole = {
        **_span(trace.id, root, trace.parent, trace.name, trace.began, trace.ended),
        "kind": _SERVER,
        "attributes": _attributes(trace.attributes),
        "status": {"code": _ERROR if trace.failed else _OK},
    }
    stages = [
        _span(trace.id, secrets.token_hex(8), root, span.name, span.began, span.ended) | {"kind": _INTERNAL}
        for span in trace.spans
    ]
    return [whole, *stages]


def _span(trace: str, span: str, parent: str, name: str, began: int, ended: int) -> dict[str, Any]:
    return {
        "traceId": trace,
        "spanId": span,
        "parentSpanId": parent,
        "name": name,
        # Integers of 64 bits are text there.
        "startTimeUnixNano": str(began),
        "endTimeUnixNano": str(ended),
    }


def _attributes(values: Mapping[str, str | int]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in values.items()
    ]
