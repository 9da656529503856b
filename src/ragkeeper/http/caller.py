"""Who sends a request: the dependency that every protected route declares."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import Headers

from ragkeeper.core.access import Caller
from ragkeeper.http.errors import NotAuthenticated
from ragkeeper.http.ports import Authenticator

CALLER_KIND = "caller_kind"
"""In a request's state once its key was found valid: what kind of caller sends it, for who counts requests."""


async def authenticate(authenticator: Authenticator, headers: Headers) -> Caller | None:
    """Who sends a request with these headers; None for strangers."""
    key = given_key(headers)
    return await authenticator.caller(key) if key else None


async def _caller(request: Request) -> Caller:
    caller = await authenticate(request.app.state.authenticator, request.headers)
    if caller is None:
        raise NotAuthenticated
    setattr(request.state, CALLER_KIND, "administrator" if caller.is_admin else "user")
    return caller


def given_key(headers: Headers) -> str | None:
    """What stands where a key belongs, valid or not."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    return headers.get("x-api-key")


CurrentCaller = Annotated[Caller, Depends(_caller)]
"""A route with this parameter answers 401 unless the request carries a valid key."""
