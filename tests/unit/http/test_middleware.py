import errno

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.http.errors import install_error_handlers
from ragkeeper.http.middleware import RequestEnvelope


class Odd(RagkeeperError):
    """Something is odd: {what}."""

    code = "odd"
    status = 409
    fix = "Make {what} even."


def client() -> httpx.AsyncClient:
    app = FastAPI()
    install_error_handlers(app)
    app.add_middleware(RequestEnvelope)

    @app.get("/odd")
    async def odd() -> None:
        raise Odd(what="three")

    @app.get("/crash")
    async def crash() -> None:
        raise ValueError("a secret detail")

    @app.get("/os-error/{number}")
    async def os_error(number: int) -> None:
        raise OSError(number, "the system's own words")

    @app.get("/number/{n}")
    async def number(n: int) -> int:
        return n

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


async def test_our_errors_are_problem_details() -> None:
    async with client() as http:
        answer = await http.get("/odd", headers={"X-Request-ID": "abc-1"})
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    body = answer.json()
    assert (body["code"], body["detail"], body["fix"]) == ("odd", "Something is odd: three.", "Make three even.")
    assert (body["request_id"], answer.headers["x-request-id"]) == ("abc-1", "abc-1")


async def test_a_crash_tells_nothing_of_its_inside() -> None:
    async with client() as http:
        answer = await http.get("/crash")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        (errno.ENOSPC, 507, "disk_space_low"),
        (errno.EDQUOT, 507, "disk_space_low"),
        (errno.EIO, 503, "disk_failing"),
        (errno.EROFS, 503, "disk_failing"),
        (errno.EBADF, 500, "internal_error"),
    ],
)
async def test_a_full_and_a_failing_disk_are_told_from_other_faults(number: int, status: int, code: str) -> None:
    async with client() as http:
        answer = await http.get(f"/os-error/{number}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("own words" in answer.text) == ("retry-after" in answer.headers) == (status != 500)


@pytest.mark.parametrize(
    ("path", "status", "code"), [("/nowhere", 404, "route_unknown"), ("/number/x", 422, "request_invalid")]
)
async def test_the_framework_s_errors_have_codes_too(path: str, status: int, code: str) -> None:
    async with client() as http:
        answer = await http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_client_s_request_id_is_taken_only_when_it_is_a_plain_word() -> None:
    async with client() as http:
        answer = await http.get("/number/1", headers={"X-Request-ID": "two words"})
    assert answer.headers["x-request-id"] != "two words"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "route"),
    [("/number/7", "/number/{n}"), ("/number/anna", "/number/{n}"), ("/anna/7", "unknown"), ("/odd", "/odd")],
)
async def test_a_request_is_logged_with_the_template_of_its_route(path: str, route: str) -> None:
    with capture_logs() as logs:
        async with client() as http:
            await http.get(path)
    [told] = [(record["path"], record["route"]) for record in logs if record["event"] == "request"]
    assert told == (path, route)


async def test_what_fails_is_logged_with_the_template_of_its_route() -> None:
    with capture_logs() as logs:
        async with client() as http:
            await http.get(f"/os-error/{errno.EIO}")
            await http.get(f"/os-error/{errno.EBADF}")
    failed = {record["event"]: record["route"] for record in logs if record["event"] != "request"}
    assert failed == {"request_failed": "/os-error/{number}", "request_crashed": "/os-error/{number}"}
