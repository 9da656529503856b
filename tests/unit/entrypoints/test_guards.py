"""Which engines keep the states of breakers."""

import pytest

from ragkeeper.core.foreground import Foreground
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import SettingInvalid, load_settings
from ragkeeper.entrypoints.guards import Guards


async def test_without_redis_there_is_nothing_to_start_or_close() -> None:
    guards = Guards(load_settings({}), Metrics(), Foreground())
    await guards.start()
    await guards.close()
    assert guards.board.guards() == ()


async def test_an_address_that_is_none_is_refused_without_quoting_it() -> None:
    settings = load_settings({"REDIS_URL": "redis://:se/cret@host:x/1"})
    with pytest.raises(SettingInvalid) as caught:
        Guards(settings, Metrics(), Foreground())
    assert "REDIS_URL" in caught.value.message
    assert "cret" not in caught.value.message
