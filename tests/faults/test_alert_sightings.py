"""What the page of alerts says was seen: of alerts and faults that exist, and all of them."""

from ragkeeper.operations.alerts.models import Scene
from ragkeeper.operations.alerts.rules import alerts
from scripts.alerts import read_sightings
from tests.faults.alerts.course import Seen
from tests.faults.alerts.faults import FAULTS

RULES = {one.title for one in alerts(Scene((("rag-interface", "a:1"),)))}
SEEN = read_sightings()


def test_every_alert_was_seen_to_fire_and_to_end():
    assert RULES - {one.alert for one in SEEN} == set()
    assert [one for one in SEEN if one.ended < 0] == []


def test_what_was_seen_exists():
    names = {fault.name: fault for fault in FAULTS}
    assert [one for one in SEEN if one.alert not in RULES or one.alert not in names[one.fault].alerts] == []


def test_every_fault_fires_alerts_that_exist():
    assert [one for fault in FAULTS for one in fault.alerts if one not in RULES] == []


def test_what_was_not_seen_is_missed():
    fault = next(one for one in FAULTS if one.name == "a file cannot be read")
    well = Seen(
        fault,
        (),
        {"DeadLetters.warning": 1},
        {"DeadLetters.warning": 1},
        ("DeadLetters.warning",),
        ("DeadLetters.warning",),
    )
    assert well.misses() == []
    assert Seen(fault, (), {}, {}, (), ()).misses() == [
        "DeadLetters.warning did not fire",
        "DeadLetters.warning was not told",
        "DeadLetters.warning was not told to be over",
    ]
    assert Seen(fault, ("DeadLetters.warning",), well.fired, {}, well.told, well.resolved).misses() == [
        "DeadLetters.warning fired before",
        "DeadLetters.warning did not end",
    ]
