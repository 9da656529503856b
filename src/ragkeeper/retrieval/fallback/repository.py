"""The one query: which chunks hold most of the words. It reads every text that the caller may see."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.retrieval.fallback.models import Term
from ragkeeper.storage.sql.tables import chunks, documents
from ragkeeper.storage.vectors.port import IndexFilter

_CURRENT = (documents.c.id == chunks.c.document_id) & (documents.c.current_version_id == chunks.c.version_id)
_TEXT = func.coalesce(chunks.c.indexed_text, chunks.c.text)


async def chunks_with(
    sql: AsyncConnection, terms: Sequence[Term], where: IndexFilter, limit: int
) -> list[tuple[int, str]]:
    """(chunk id, text) of the `limit` chunks with the greatest weight of terms in them, of current versions only."""
    weight = sum((_weight(term) for term in terms), literal(0.0))
    weighed = (
        select(chunks.c.id, weight.label("weight")).join(documents, _CURRENT).where(*_conditions(where)).subquery()
    )
    best = (
        select(weighed.c.id)
        .where(weighed.c.weight > 0)
        .order_by(weighed.c.weight.desc(), weighed.c.id)
        .limit(limit)
        .subquery()
    )
    query = (
        select(chunks.c.id, _TEXT.label("words"), documents.c.metadata.label("fields"))
        .join(best, best.c.id == chunks.c.id)
        .join(documents, _CURRENT)
    )
    return [(row.id, row.words) for row in await sql.execute(query) if _holds(row.fields, where.metadata)]


def _weight(term: Term) -> ColumnElement[float]:
    held = or_(*(_TEXT.contains(form, autoescape=True) for form in term.forms))
    return case((held, literal(term.weight)), else_=literal(0.0))


def _conditions(where: IndexFilter) -> Iterator[ColumnElement[bool]]:
    yield documents.c.collection_id.in_(where.collection_ids)
    if where.document_ids is not None:
        yield documents.c.id.in_(where.document_ids)
    for name, value in where.metadata.items():
        # Not by a path: there names with quotes, backslashes or letters that are stored escaped find nothing.
        field = func.json_each(documents.c.metadata).table_valued("key", "value")
        # Whether it is a yes or a 1 is told apart by `_holds`.
        yield select(field.c.key).where(field.c.key == name, field.c.value == value).correlate(documents).exists()


def _holds(fields: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Equal values of the same kind; a yes is not a 1."""
    return all(
        name in fields and fields[name] == value and isinstance(fields[name], bool) is isinstance(value, bool)
        for name, value in wanted.items()
    )
