"""What the page of alerts says was seen: of alerts and faults that exist, and all of them."""

from ragkeeper.operations.alerts.models import Scene
from ragkeeper.operations.alerts.rules import alerts
from scripts.alerts import Sighting, read_sightings
from tests.faults.alerts.__main__ import kept, sightings
from tests.faults.alerts.course import Seen
from tests.faults.alerts.faults import FAULTS
from tests.integration.monitoring.stack import Receiver

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


BURN = next(one for one in FAULTS if "AvailabilityBurn.critical.1h" in one.alerts)
LOUD = tuple(one for one in BURN.alerts if one not in BURN.untold)


def burnt(told: tuple[str, ...] = LOUD, resolved: tuple[str, ...] = LOUD, early: tuple[str, ...] = ()) -> Seen:
    times = dict.fromkeys(BURN.alerts, 1.0)
    return Seen(BURN, early, times, times, told, resolved)


def test_each_window_of_an_objective_is_told_by_itself():
    labels = {"alertname": "AvailabilityBurn", "severity": "critical"}
    told = [(0.0, {"status": "firing", "labels": {**labels, "window": window}}) for window in ("1h", "6h")]
    assert (
        Receiver("", told=told).names("firing") == set(LOUD) == {f"AvailabilityBurn.critical.{w}" for w in ("1h", "6h")}
    )
    assert Receiver("", told=told).names("resolved") == set()
    assert burnt().misses() == []
    assert burnt(LOUD[:1]).misses() == ["AvailabilityBurn.critical.6h was not told"]
    assert burnt(LOUD, LOUD[:1]).misses() == ["AvailabilityBurn.critical.6h was not told to be over"]


def test_a_row_says_told_of_what_the_webhook_got_with_its_end():
    both = (*LOUD, "AvailabilityBurn.warning.1d")
    rows = {one.alert: one.told for one in sightings(burnt(both, (*LOUD, "AvailabilityBurn.warning.3d")))}
    assert rows == {one: one in LOUD for one in BURN.alerts}
    rows = {one.alert: one.told for one in sightings(burnt(both, both))}
    assert rows["AvailabilityBurn.warning.1d"], "also where it was expected to be silent"


def test_nothing_is_kept_of_a_fault_that_went_otherwise():
    before = [
        Sighting(BURN.alerts[0], BURN.name, 1, "", 7, 7, told=True),
        Sighting("Other", "other", 1, "", 7, 7, told=True),
    ]
    for seen in (burnt(()), burnt(resolved=()), burnt(early=LOUD[:1]), Seen(BURN, (), {}, {}, (), ())):
        assert kept(before, [seen]) == before
    assert kept(before, [burnt()]) == [before[1], *sightings(burnt())]
