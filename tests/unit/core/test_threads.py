import pytest

from ragkeeper.core.threads import in_thread


def test_what_it_gives_or_raises_comes_to_who_waits() -> None:
    assert in_thread(lambda: 3, "three").result(timeout=30) == 3
    with pytest.raises(ZeroDivisionError):
        in_thread(lambda: 1 / 0, "none").result(timeout=30)
