"""Who sends a request: the dependency that every protected route declares."""

from typing import Annotated

from fastapi import Depends, Request

from ragkeeper.core.access import Caller
from ragkeeper.http.errors import NotAuthenticated
from ragkeeper.http.ports import Authenticator


async def _caller(request: Request) -> Caller:
    authenticator: Authenticator = request.app.state.authenticator
    key = _key(request)
    caller = await authenticator.caller(key) if key else None
    if caller is None:
        raise NotAuthenticated
    return caller


def _key(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    return request.headers.get("x-api-key")


CurrentCaller = Annotated[Caller, Depends(_caller)]
"""A route with this parameter answers 401 unless the request carries a valid key."""
