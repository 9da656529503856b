import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ragkeeper.core.job_log import FailedJob
from ragkeeper.operations.alerts.models import Scene
from ragkeeper.operations.alerts.remembering import UNREADABLE, read, written
from ragkeeper.operations.alerts.rules import alerts
from ragkeeper.operations.alerts.telling import Memory
from tests.unit.operations.alerts.test_messages import notice

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
ALERTS = alerts(Scene())
PART = notice("PartDown.critical", component="embedder")
MEMORY = Memory(
    ((NOW, PART),),
    (notice("DeadLetters.warning"),),
    (replace(PART, ended=NOW + timedelta(hours=1), known=True),),
    (FailedJob("j1", "document", "file_damaged", "it is cut off"),),
)


def test_what_is_written_is_read_as_it_was():
    assert read(json.loads(json.dumps(written(MEMORY))), ALERTS) == MEMORY


def test_an_alert_that_this_release_lacks_is_left_out():
    fewer = [one for one in ALERTS if one.name != "PartDown"]
    found = read(written(MEMORY), fewer)
    assert (found.told, found.past) == ((), ())
    assert (found.new, found.failed) == (MEMORY.new, MEMORY.failed)


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {**written(MEMORY), "told": [["yesterday", written(MEMORY)["new"][0]]]},
        {**written(MEMORY), "new": 7},
        {**written(MEMORY), "past": [{"alert": "DeadLetters.warning", "labels": []}]},
        {**written(MEMORY), "failed": [{"id": "x", "who": "y"}]},
    ],
    ids=lambda value: json.dumps(value)[:30],
)
def test_what_is_damaged_says_so(value: dict[str, object]):
    with pytest.raises(UNREADABLE):
        read(value, ALERTS)
