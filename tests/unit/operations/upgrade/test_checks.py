from pathlib import Path

from ragkeeper.operations.upgrade.checks import room_checks


def codes(database: Path | None) -> list[str]:
    return [finding.code for check in room_checks(database) for finding in check.look()]


def test_an_upgrade_needs_room_for_the_database_twice(tmp_path: Path) -> None:
    small, large = tmp_path / "small.db", tmp_path / "large.db"
    small.write_bytes(b"x")
    with large.open("wb") as file:
        file.truncate(10**13)  # a sparse file: it says that it is large, and takes nothing
    assert codes(None) == codes(small) == []
    assert codes(large) == ["upgrade_room_low"]
