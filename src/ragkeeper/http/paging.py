"""Lists come in pages by key: `{items, next_cursor}`; the cursor is opaque to clients."""

import base64
from collections.abc import Callable
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from ragkeeper.core.errors import RagkeeperError

Item = TypeVar("Item")
Row = TypeVar("Row")

Limit = Annotated[int, Query(ge=1, le=500, description="Items per page.")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next_cursor` of the page before.")]


_LONGEST_NUMBER = 15  # digits; databases count to 2^63


class CursorInvalid(RagkeeperError):
    """The cursor is not one that this server gave out."""

    code = "cursor_invalid"
    status = 400
    fix = "Pass `next_cursor` of the page before unchanged, or leave it out for the first page."


class Page(BaseModel, Generic[Item]):
    items: list[Item]
    next_cursor: str | None = None


def encode_cursor(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str | None:
    """Raises CursorInvalid."""
    if cursor is None:
        return None
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except ValueError as error:
        raise CursorInvalid from error


def decode_number(cursor: str | None, first: int) -> int:
    """The key of a list that is ordered by a number; `first` for the first page. Raises CursorInvalid."""
    key = decode_cursor(cursor)
    if key is None:
        return first
    if not key.isascii() or not key.isdecimal() or len(key) > _LONGEST_NUMBER:
        raise CursorInvalid
    return int(key)


def page_of(rows: list[Row], limit: int, item: Callable[[Row], Item], key: Callable[[Row], str]) -> Page[Item]:
    """A page from up to `limit + 1` rows: one more than fits tells that there is a next page."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(items=[item(row) for row in shown], next_cursor=encode_cursor(key(shown[-1])) if more else None)
