import pytest

from ragkeeper.core.access import Caller, Forbidden, Right, Role, local_administrator


def test_each_right_includes_the_lesser_ones() -> None:
    assert Right.MANAGE.includes(Right.READ)
    assert Right.WRITE.includes(Right.WRITE)
    assert not Right.READ.includes(Right.WRITE)


def test_only_administrators_pass() -> None:
    local_administrator().require_admin("do it")
    with pytest.raises(Forbidden, match="You may not do it"):
        Caller("u", Role.USER).require_admin("do it")
