from pathlib import Path

import pytest

from ragkeeper.core.room import free_bytes


def test_a_disk_says_what_it_still_takes(tmp_path: Path) -> None:
    assert free_bytes(tmp_path)


def test_a_file_system_that_does_not_say_is_not_full() -> None:
    assert free_bytes(Path("/proc")) is None


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        free_bytes(tmp_path / "gone")
