import pytest

from ragkeeper.storage.sql.errors import (
    DatabaseBusy,
    DatabaseFailing,
    DatabaseReadOnly,
    NotWritten,
    StorageFull,
    not_written,
)


@pytest.mark.parametrize(
    ("words", "room", "kind"),
    [
        ("database or disk is full", True, StorageFull),
        ("disk I/O error", True, DatabaseFailing),
        ("disk I/O error", False, StorageFull),
        ("attempt to write a readonly database", True, DatabaseReadOnly),
        ("unable to open database file", True, DatabaseReadOnly),
        ("database is locked", True, DatabaseBusy),
    ],
)
def test_each_reason_has_its_error(words: str, room: bool, kind: type[NotWritten]):
    found = not_written(words, room=room)
    assert type(found) is kind
    assert words in found.message
    assert found.retry_after


def test_other_failures_are_not_about_the_disk():
    assert not_written("UNIQUE constraint failed", room=True) is None
