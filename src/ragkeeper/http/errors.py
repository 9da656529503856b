"""Every error leaves as RFC 9457 problem details: {type, title, status, code, detail, fix, request_id}."""

import errno
import math
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.http.templates import route_template

_log = structlog.get_logger()
_MEDIA_TYPE = "application/problem+json"
_CODES = {404: "route_unknown", 405: "method_not_allowed", 400: "bad_request", 413: "body_too_large"}
_SERVER_ERROR = 500
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_DISK_FAILS = frozenset({errno.EIO, errno.EROFS})


class NotAuthenticated(RagkeeperError):
    """The request carries no valid key."""

    code = "not_authenticated"
    status = 401
    fix = "Send the key from `secrets/api_key` in the data folder as `X-API-Key` or `Authorization: Bearer`."


class NotText(RagkeeperError):
    """A text in the request holds half a character (a lone surrogate)."""

    code = "not_text"
    status = 400
    fix = "Send text that can be written as UTF-8."


class BodyTooLarge(RagkeeperError):
    """The body is larger than the limit of {limit_mb} MB for this path."""

    code = "body_too_large"
    status = 413
    fix = "Send less at once; files go to `POST /api/v1/documents` as a form, where RAG_MAX_UPLOAD_MB is the limit."


class DiskFull(RagkeeperError):
    """The disk of the data folder takes no more: {reason}."""

    code = "disk_space_low"
    status = 507
    fix = "Free space on that disk, or raise the quota; nothing was stored, so send the file again afterwards."
    retry_after = 30.0


class DiskFailing(RagkeeperError):
    """The disk of the data folder does not work: {reason}."""

    code = "disk_failing"
    status = 503
    fix = "The kernel's log (`dmesg`) says what the disk has; nothing was stored, so send the file again afterwards."
    retry_after = 30.0


class PortInUse(RagkeeperError):
    """The server cannot listen on {host} port {port}: {reason}."""

    code = "port_in_use"
    status = 503
    fix = "Stop what listens there, or choose another port with RAG_PORT (0 picks a free one)."


class ServerStarting(RagkeeperError):
    """The server is starting."""

    code = "server_starting"
    status = 503
    fix = "Try again in a few seconds; `GET /health/ready` answers 200 as soon as it can work."


class InternalError(RagkeeperError):
    """Something went wrong inside the server."""

    code = "internal_error"
    status = 500
    fix = "Look for the request id in the server's log, and report it if it happens again."


def problem(error: RagkeeperError, request_id: str) -> dict[str, Any]:
    """The body for an error, the same over HTTP, in streams and with `--json`."""
    return {
        "type": f"https://ragkeeper.dev/errors/{error.code}",
        "title": error.message,
        "status": error.status,
        "code": error.code,
        "detail": error.message,
        "fix": error.advice,
        "request_id": request_id,
        **{name: error.fields[name] for name in error.members},
    }


def problem_response(error: RagkeeperError, request_id: str, headers: dict[str, str] | None = None) -> JSONResponse:
    more = dict(headers or {})
    if error.status == HTTPStatus.UNAUTHORIZED:
        more["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        more.setdefault("Retry-After", str(max(1, math.ceil(error.retry_after))))
    return _answer(problem(error, request_id), more)


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(RagkeeperError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(UnicodeEncodeError, _not_text)
    app.add_exception_handler(OSError, _os_error)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(Exception, _unexpected)


def request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))


def _answer(body: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(body, status_code=body["status"], media_type=_MEDIA_TYPE, headers=headers)


async def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RagkeeperError)  # noqa: S101 - the handler is registered for this class alone
    if error.status >= _SERVER_ERROR and not isinstance(error, ServerStarting):
        where = {"path": request.url.path, "route": route_template(request.scope)}
        _log.error("request_failed", code=error.code, detail=error.message, **where)
    return problem_response(error, request_id(request))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - the handler is registered for this class alone
    reasons = "; ".join(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()[:5])
    body = {
        "type": "https://ragkeeper.dev/errors/request_invalid",
        "title": "The request does not have the right form.",
        "status": 422,
        "code": "request_invalid",
        "detail": reasons,
        "fix": "Compare the request with /docs.",
        "request_id": request_id(request),
    }
    return _answer(body)


async def _not_text(request: Request, _error: Exception) -> JSONResponse:
    # JSON can spell half a character (a lone surrogate), which no database, index or answer can hold.
    return _answer(problem(NotText(), request_id(request)))


async def _os_error(request: Request, error: Exception) -> JSONResponse:
    """A disk that is full or fails, whoever writes to it: a form that is spooled never reaches code of ours."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return await _ours(request, DiskFull(reason=error.strerror or error))
    if isinstance(error, OSError) and error.errno in _DISK_FAILS:
        return await _ours(request, DiskFailing(reason=error.strerror or error))
    raise error


async def _framework(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - the handler is registered for this class alone
    code = _CODES.get(error.status_code, "http_error")
    body = {
        "type": f"https://ragkeeper.dev/errors/{code}",
        "title": str(error.detail),
        "status": error.status_code,
        "code": code,
        "detail": f"{request.method} {request.url.path}: {error.detail}",
        "fix": "Compare the request with /docs.",
        "request_id": request_id(request),
    }
    return _answer(body, dict(error.headers) if error.headers else None)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    # Outside of everything that knows of the request by itself.
    where = {"path": request.url.path, "route": route_template(request.scope), "request_id": request_id(request)}
    _log.error("request_crashed", **where, exc_info=error)
    return _answer(problem(InternalError(), request_id(request)))
