from pathlib import Path

from ragkeeper.core.environment import given_values


def test_the_environment_stands_above_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=1\nB=2\nC\n")
    assert given_values({"B": "3"}, file) == {"A": "1", "B": "3"}
    assert given_values({}, tmp_path / "none") == {}
