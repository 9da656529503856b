from pathlib import Path

import pytest
from sqlalchemy import text

from ragkeeper.core.metrics import Metrics
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.sql.statements import Statements, name_of, without_values


def found(metrics: Metrics, name: str) -> dict[str, float]:
    samples = [sample for family in metrics.families() for sample in family.samples if sample.name == name]
    return {next(iter(sample.labels.values())): sample.value for sample in samples}


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("SELECT  a\n FROM t WHERE b = 'it''s secret' AND c = 42", "SELECT a FROM t WHERE b = ? AND c = ?"),
        ("SELECT a FROM t WHERE b IN (?, ?, ?)", "SELECT a FROM t WHERE b IN (?, …)"),
        ("SELECT a FROM t1 WHERE b = ?", "SELECT a FROM t1 WHERE b = ?"),
    ],
)
def test_a_text_keeps_no_value(statement: str, text: str):
    assert without_values(statement) == text


def test_a_name_tells_verb_table_and_which():
    one, other = name_of("SELECT a FROM versions WHERE b = ?"), name_of("SELECT a FROM versions WHERE c = ?")
    assert one.startswith("select versions ")
    assert one != other
    assert name_of("INSERT INTO chunks VALUES (?)").startswith("insert chunks ")


def test_only_slow_ones_are_named_and_the_slowest_comes_first():
    metrics = Metrics()
    statements = Statements(metrics)
    for seconds in (0.1, 0.2, 0.3):
        statements.took("SELECT a FROM versions WHERE b = 'x'", seconds)
    statements.took("UPDATE versions SET a = 1", 5)
    statements.took("SELECT 1", 0.001)
    assert found(metrics, "rag_sql_statement_seconds_count") == {"read": 4, "write": 1}
    assert sum(found(metrics, "rag_sql_slow_statements_total").values()) == 3
    first, second = statements.slowest()
    assert (first.text, first.count, first.longest) == ("UPDATE versions SET a = ?", 1, 5)
    assert (second.count, second.seconds, second.longest) == (2, pytest.approx(0.5), 0.3)


def test_names_are_bounded():
    metrics = Metrics()
    statements = Statements(metrics)
    for number in range(500):
        statements.took(f"CREATE TABLE t{number} (a)", 1)
    names = found(metrics, "rag_sql_slow_statements_total")
    assert len(names) == 201
    assert names["other"] == 300


async def test_a_database_times_its_statements(tmp_path: Path):
    metrics = Metrics()
    database = Database(f"sqlite:///{tmp_path / 'x.db'}", metrics=metrics)
    try:
        async with database.write() as sql:
            await sql.execute(text("CREATE TABLE t (a)"))
        async with database.read() as sql:
            assert database.connections() == (1, 4)
            before = found(metrics, "rag_sql_statement_seconds_count")
            await sql.execute(text("SELECT a FROM t"))
        assert database.connections() == (0, 4)
        counts = found(metrics, "rag_sql_statement_seconds_count")
        assert counts["read"] == before["read"] + 1
        assert counts["write"] == 3  # begin, create, commit
        assert await database.unused_bytes() == 0
    finally:
        await database.close()
