from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, insert
from sqlalchemy.dialects.sqlite.aiosqlite import dialect

from ragkeeper.storage.sql.inserts import Insert, Inserts
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
        statement, rows = Inserts(dialect()).step(Insert(chat_history, [row | {"id": "n"}]))
        sql.exec_driver_sql(statement, [tuple(one) for one in rows])
        [ours] = sql.exec_driver_sql("SELECT * FROM chat_history WHERE id = 'n'").all()
    assert ours[1:] == theirs[1:]
    engine.dispose()


def test_a_row_without_a_value_for_a_column_is_refused():
    with pytest.raises(KeyError, match="mode"):
        Inserts(dialect()).step(Insert(chat_history, [{**MESSAGE}, {k: v for k, v in MESSAGE.items() if k != "mode"}]))


def test_each_table_has_its_own_statement():
    inserts = Inserts(dialect())
    found = [inserts.step(Insert(table, []))[0] for table in (chat_history, conversations, audit_log, chat_history)]
    assert [statement.split()[2] for statement in found] == [
        "chat_history",
        "conversations",
        "audit_log",
        "chat_history",
    ]
    assert found[0] == found[3]
