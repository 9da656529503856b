from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ragkeeper.operations.alerts.evaluation import Active, by_name
from ragkeeper.operations.alerts.failures import REPEAT_SECONDS
from ragkeeper.operations.alerts.models import Scene
from ragkeeper.operations.alerts.rules import alerts
from ragkeeper.operations.alerts.telling import Silence, Told, loud

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
RULES = {one.title: one for one in alerts(Scene())}


def active(title: str, **labels: str) -> Active:
    return Active(RULES[title], frozenset(labels.items()), 1.0, 0.0, 10.0, firing=True)


def titles(found: list[Active]) -> list[str]:
    return [one.alert.title for one in found]


def test_the_worse_level_speaks_for_both():
    both = [active("DiskSpaceLow.warning", mountpoint="/a"), active("DiskSpaceLow.critical", mountpoint="/a")]
    assert titles(loud(both, [], NOW)) == ["DiskSpaceLow.critical"]
    elsewhere = [both[1], active("DiskSpaceLow.warning", mountpoint="/b")]
    assert len(loud(elsewhere, [], NOW)) == 2


def test_one_of_two_names_of_the_same_is_told():
    assert titles(loud([active("DatabaseDown.critical"), active("PostgresDown.warning")], [], NOW)) == [
        "DatabaseDown.critical"
    ]
    assert titles(loud([active("PostgresDown.warning")], [], NOW)) == ["PostgresDown.warning"]
    # Figures that the database would give are stale for that reason.
    assert titles(loud([active("DatabaseDown.critical"), active("FiguresStale.warning")], [], NOW)) == [
        "DatabaseDown.critical"
    ]


def test_what_is_silenced_is_not_told_until_then():
    firing = [active("HighCPUUsage.warning"), active("DeadLetters.warning")]
    silence = Silence("HighCPUUsage", NOW + timedelta(hours=1), "ann")
    assert titles(loud(firing, [silence], NOW)) == ["DeadLetters.warning"]
    assert titles(loud(firing, [replace(silence, alert="DeadLetters.warning")], NOW)) == ["HighCPUUsage.warning"]
    assert titles(loud(firing, [replace(silence, alert="DeadLetters.critical")], NOW)) == titles(firing)
    assert len(loud(firing, [silence], NOW + timedelta(hours=1))) == 2


def test_each_is_told_once_and_when_it_is_over():
    told, one = Told(), active("DeadLetters.warning")
    news = told.news([one], {one.key: one}, 100)
    assert (news.firing, news.over) == ((one,), ())
    told.heard(news, 100)
    assert not told.news([one], {one.key: one}, 200)
    over = told.news([], {}, 300)
    assert (over.firing, over.over) == ((), (one,))
    told.heard(over, 300)
    assert not told.news([], {}, 400)


def test_what_did_not_arrive_is_told_again():
    told, one = Told(), active("DeadLetters.warning")
    assert told.news([one], {one.key: one}, 100)
    assert told.news([one], {one.key: one}, 115)


def test_what_goes_on_is_told_again_after_hours():
    told, one = Told(), active("DeadLetters.warning")
    told.heard(told.news([one], {one.key: one}, 0), 0)
    assert not told.news([one], {one.key: one}, REPEAT_SECONDS - 1)
    assert told.news([one], {one.key: one}, REPEAT_SECONDS).firing == (one,)


def test_what_is_kept_silent_later_is_not_over():
    told, one = Told(), active("DiskSpaceLow.warning", mountpoint="/a")
    told.heard(told.news([one], {one.key: one}, 0), 0)
    assert not told.news([], {one.key: one}, 15)


def test_the_worst_come_first():
    found = by_name([active("DeadLetters.warning"), active("DatabaseDown.critical"), active("BreakerOpen.critical")])
    assert titles(found) == ["BreakerOpen.critical", "DatabaseDown.critical", "DeadLetters.warning"]
