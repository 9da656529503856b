import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import JSON, bindparam, create_engine, insert, literal, select
from sqlalchemy.exc import InvalidRequestError, OperationalError

from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.prepared import Insert, Query
from ragkeeper.storage.sql.tables import audit_log, chat_history, conversations, metadata

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MESSAGE = {
    "id": "m",
    "conversation_id": "c",
    "user_id": "u",
    "role": "user",
    "content": "Who keeps the light?",
    "mode": None,
    "citations": [],
    "details": {},
    "created_at": NOW,
}

plain = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=20)
details = st.dictionaries(st.text(max_size=10), plain | st.lists(plain, max_size=3), max_size=4)
times = st.datetimes(min_value=datetime(1990, 1, 1), timezones=st.sampled_from([UTC, timezone(timedelta(hours=5))]))  # noqa: DTZ001 - hypothesis asks for it


@given(content=st.text(max_size=50), citations=st.lists(details, max_size=3), told=details, time=times)
def test_rows_are_written_as_sqlalchemy_would(content: str, citations: list[object], told: object, time: datetime):
    row = MESSAGE | {"content": content, "citations": citations, "details": told, "created_at": time}
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as sql:
        sql.execute(insert(chat_history), [row])
        [theirs] = sql.exec_driver_sql("SELECT * FROM chat_history").all()
    with engine.begin() as sql:
        statement, rows = Insert(chat_history, [row | {"id": "n"}]).step()
        sql.exec_driver_sql(statement, [tuple(one) for one in rows])
        [ours] = sql.exec_driver_sql("SELECT * FROM chat_history WHERE id = 'n'").all()
    assert ours[1:] == theirs[1:]
    engine.dispose()


def test_a_row_without_a_value_for_a_column_is_refused():
    rows = [{**MESSAGE}, {k: v for k, v in MESSAGE.items() if k != "mode"}]
    with pytest.raises(KeyError, match="mode"):
        Insert(chat_history, rows).step()


def test_each_table_has_its_own_statement():
    tables = (chat_history, conversations, audit_log, chat_history)
    found = [Insert(table, []).step()[0] for table in tables]
    assert [statement.split()[2] for statement in found] == [table.name for table in tables]
    assert found[0] == found[3]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Holds four messages: m0 to m3, an hour apart."""
    found = Database(f"sqlite:///{tmp_path / 'some.db'}")
    conversation = {"id": "c", "user_id": "u", "title": "t", "collection": None, "created_at": NOW, "updated_at": NOW}
    messages = [
        MESSAGE
        | {"id": f"m{n}", "mode": None if n % 2 else "answer", "created_at": NOW + timedelta(hours=n)}
        | {"citations": [{"n": n}], "details": {"late": "ä" * n}}
        for n in range(4)
    ]
    async with found.write() as sql:
        await sql.run_sync(metadata.create_all)
    await found.insert(Insert(conversations, [conversation]), Insert(chat_history, messages))
    yield found
    await found.close()


MESSAGES = (
    select(chat_history)
    .where(
        chat_history.c.id.in_(bindparam("ids", expanding=True)),
        chat_history.c.created_at > bindparam("since"),
        chat_history.c.role + "" == "user",
    )
    .order_by(chat_history.c.id.desc())
)


@pytest.mark.parametrize("ids", [[], ["m1"], ["m0", "m2", "m3", "none"]])
@pytest.mark.parametrize("since", [NOW, NOW + timedelta(hours=2)])
async def test_rows_are_found_and_read_as_sqlalchemy_would(database: Database, ids: list[str], since: datetime):
    query = Query(MESSAGES)
    async with database.read() as sql:
        for _ in range(2):
            theirs = [tuple(row) for row in await sql.execute(MESSAGES, {"ids": ids, "since": since})]
            assert await query.rows(sql, ids=ids, since=since) == theirs
    assert query.width == len(chat_history.columns)


async def test_a_query_sees_what_its_own_transaction_has_written(database: Database):
    query = Query(select(conversations.c.title))
    async with database.write() as sql:
        await sql.execute(conversations.update().values(title="new"))
        assert await query.rows(sql) == [("new",)]
        async with database.read() as other:
            assert await query.rows(other) == [("t",)]


async def test_columns_beside_come_with_each_row(database: Database):
    ids = Query(select(chat_history.c.id).order_by(chat_history.c.id))
    beside = ids.beside(Query(select(literal("beside").label("word"), literal([1], JSON()).label("listed"))))
    assert (ids.width, beside.width) == (1, 3)
    async with database.read() as sql:
        assert await beside.rows(sql) == [(f"m{n}", "beside", [1]) for n in range(4)]


async def test_what_sqlite_refuses_is_told_in_sqlalchemys_words_without_values(database: Database):
    query = Query(select(chat_history.c.id).where(chat_history.c.id == bindparam("id")))
    async with database.write() as sql:
        await sql.exec_driver_sql("ALTER TABLE chat_history RENAME TO elsewhere")
        with pytest.raises(OperationalError, match="no such table: chat_history") as caught:
            await query.rows(sql, id="not-to-be-seen")
    assert "not-to-be-seen" not in str(caught.value)


async def test_a_value_that_is_used_twice_is_written_once(database: Database):
    later = chat_history.c.created_at > bindparam("then", type_=chat_history.c.created_at.type)
    same = chat_history.c.created_at == bindparam("then", type_=chat_history.c.created_at.type)
    query = Query(select(chat_history.c.id).where(later | same).order_by(chat_history.c.id))
    async with database.read() as sql:
        assert await query.rows(sql, then=NOW + timedelta(hours=2)) == [("m2",), ("m3",)]


async def test_text_that_cannot_be_written_costs_no_connection(database: Database):
    query = Query(select(chat_history.c.id).where(chat_history.c.id == bindparam("id")))
    async with database.read() as sql:
        driver = (await sql.get_raw_connection()).driver_connection
        with pytest.raises(UnicodeEncodeError):
            await query.rows(sql, id="\ud800")
        assert (await sql.get_raw_connection()).driver_connection is driver


async def test_a_value_that_is_missing_is_not_taken_for_none(database: Database):
    query = Query(select(chat_history.c.id).where(chat_history.c.id == bindparam("id")))
    async with database.read() as sql:
        with pytest.raises(InvalidRequestError, match="'id'"):
            await query.rows(sql)


async def test_nobody_waits_behind_a_query_that_was_given_up(database: Database):
    query = Query(select(conversations.c.title))
    entered, leave = threading.Event(), threading.Event()

    async def ask() -> None:
        async with database.read() as sql:
            driver: Any = (await sql.get_raw_connection()).driver_connection
            occupied.append(asyncio.create_task(driver._execute(lambda: (entered.set(), leave.wait(30)))))
            await asyncio.sleep(0)
            await query.rows(sql)

    occupied: list[asyncio.Task[None]] = []
    asking = asyncio.create_task(ask())
    assert await asyncio.to_thread(entered.wait, 30)
    asking.cancel()
    await asyncio.sleep(0.1)
    assert database.connections()[0] == 1
    for _ in range(3):
        async with database.read() as sql:
            assert await query.rows(sql) == [("t",)]
    leave.set()
    await asyncio.gather(asking, *occupied, return_exceptions=True)
    assert asking.cancelled()
    assert database.connections()[0] == 0


async def test_a_connection_that_was_closed_is_not_used_again(database: Database):
    query = Query(select(conversations.c.title))
    async with database.read() as sql:
        driver = (await sql.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.close()
        with pytest.raises(OperationalError, match="no active connection"):
            await query.rows(sql)
    async with database.read() as sql:
        assert await query.rows(sql) == [("t",)]
