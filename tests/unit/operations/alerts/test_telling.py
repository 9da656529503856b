from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ragkeeper.operations.alerts.evaluation import Active, by_name
from ragkeeper.operations.alerts.failures import REPEAT_SECONDS
from ragkeeper.operations.alerts.messages import Notice
from ragkeeper.operations.alerts.models import Scene
from ragkeeper.operations.alerts.rules import alerts
from ragkeeper.operations.alerts.telling import MOST_PAST, Silence, Told, loud

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
RULES = {one.title: one for one in alerts(Scene())}


def active(title: str, **labels: str) -> Active:
    return Active(RULES[title], frozenset(labels.items()), 1.0, 0.0, 10.0, firing=True)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


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


def told_of(one: Active) -> Told:
    """A channel that was told of it at NOW."""
    told = Told()
    told.look([one], {one.key: one}, NOW)
    told.heard(told.news(NOW), NOW)
    return told


def names(found: tuple[Notice, ...]) -> list[str]:
    return [one.alert.title for one in found]


def test_each_is_told_once_and_when_it_is_over():
    told, one = Told(), active("DeadLetters.warning")
    told.look([one], {one.key: one}, NOW)
    news = told.news(NOW)
    assert (names(news.firing), news.over) == (["DeadLetters.warning"], ())
    told.heard(news, NOW)
    told.look([one], {one.key: one}, at(100))
    assert not told.news(at(100))
    told.look([], {}, at(200))
    over = told.news(at(200))
    assert (over.firing, names(over.over)) == ((), ["DeadLetters.warning"])
    told.heard(over, at(200))
    assert not told.news(at(300))


def test_it_keeps_when_it_began_and_when_it_ended():
    one = active("DeadLetters.warning")
    told = told_of(one)
    still = replace(one, seen=3600.0)
    told.look([still], {one.key: still}, at(3590))
    told.look([], {}, at(3700))
    [over] = told.news(at(4000)).over
    assert (over.began, over.ended, over.known) == (at(-10), at(3700), True)


def test_what_did_not_arrive_is_told_again():
    told, one = Told(), active("DeadLetters.warning")
    told.look([one], {one.key: one}, NOW)
    assert told.news(NOW)
    assert told.news(at(15))


def test_what_began_and_ended_while_the_channel_was_away_is_told_with_its_times():
    told, one = Told(), active("DeadLetters.warning")
    told.look([one], {one.key: one}, NOW)
    told.look([], {}, at(60))
    told.look([], {}, at(600))
    news = told.news(at(600))
    assert news.firing == ()
    [past] = news.over
    assert (past.began, past.ended, past.known) == (at(-10), at(60), False)
    told.heard(news, at(600))
    assert not told.news(at(600))


def test_each_time_that_it_began_is_told_for_itself():
    told, one = told_of(active("DeadLetters.warning")), active("DeadLetters.warning")
    told.look([], {}, at(60))
    told.look([one], {one.key: one}, at(120))
    news = told.news(at(120))
    assert [(past.began, past.ended) for past in news.over] == [(at(-10), at(60))]
    assert [new.began for new in news.firing] == [at(110)]
    told.heard(news, at(120))
    assert not told.news(at(120))


def test_what_waits_is_bounded_and_the_newest_is_kept():
    told, one = Told(), active("DeadLetters.warning")
    for number in range(MOST_PAST + 50):
        told.look([one], {one.key: one}, at(number * 30))
        told.look([], {}, at(number * 30 + 15))
    over = told.news(at(0)).over
    assert (len(over), over[-1].ended) == (MOST_PAST, at((MOST_PAST + 49) * 30 + 15))


def test_what_ends_on_its_way_is_over_for_who_hears_of_it():
    told, one = Told(), active("DeadLetters.warning")
    told.look([one], {one.key: one}, NOW)
    news = told.news(NOW)
    told.look([], {}, at(15))
    told.heard(news, at(20))
    [over] = told.news(at(30)).over
    assert (over.known, over.ended) == (True, at(15))


def test_what_is_silenced_before_it_could_be_told_is_not_told():
    told, one = Told(), active("DeadLetters.warning")
    told.look([one], {one.key: one}, NOW)
    told.look([], {one.key: one}, at(15))
    assert not told.news(at(15))
    told.look([], {}, at(30))
    assert not told.news(at(30))


def test_what_goes_on_is_told_again_after_hours():
    one = active("DeadLetters.warning")
    told = told_of(one)
    assert not told.news(at(REPEAT_SECONDS - 1))
    assert names(told.news(at(REPEAT_SECONDS)).firing) == ["DeadLetters.warning"]
    told.look([], {one.key: one}, at(REPEAT_SECONDS))
    assert not told.news(at(REPEAT_SECONDS)), "somebody silenced it"


def test_what_is_kept_silent_later_is_not_over():
    one = active("DiskSpaceLow.warning", mountpoint="/a")
    told = told_of(one)
    told.look([], {one.key: one}, at(15))
    assert not told.news(at(15))


def test_what_was_told_before_a_restart_is_over_once_figures_have_had_time():
    one = active("DeadLetters.warning")
    told = Told()
    told.remember(told_of(one).memory())
    told.look([], {}, at(60), settled=False)
    assert not told.news(at(60))
    told.look([], {}, at(360), settled=True)
    assert [over.ended for over in told.news(at(360)).over] == [at(360)]


def test_what_still_holds_after_a_restart_is_not_told_anew_and_ends_when_it_does():
    one = active("DeadLetters.warning")
    told = Told()
    told.remember(told_of(one).memory())
    pending = replace(one, firing=False)
    told.look([], {one.key: pending}, at(15), settled=False)
    told.look([one], {one.key: one}, at(30), settled=False)
    assert not told.news(at(30))
    told.look([], {}, at(45), settled=False)
    assert [over.began for over in told.news(at(45)).over] == [at(-10)]


def test_what_waited_at_a_restart_waits_on():
    told, again, one = Told(), Told(), active("DeadLetters.warning")
    told.look([one], {one.key: one}, NOW)
    again.remember(told.memory())
    pending = replace(one, firing=False)
    again.look([], {one.key: pending}, at(15), settled=False)
    assert names(again.news(at(15)).firing) == ["DeadLetters.warning"]


def test_only_what_is_critical_and_new_is_urgent():
    told, one = Told(), active("DatabaseDown.critical")
    told.look([active("DeadLetters.warning")], {}, NOW)
    assert not told.urgent
    told.look([one], {one.key: one}, NOW)
    assert told.urgent
    told.heard(told.news(NOW), NOW)
    assert not told.urgent


def test_the_worst_come_first():
    found = by_name([active("DeadLetters.warning"), active("DatabaseDown.critical"), active("BreakerOpen.critical")])
    assert titles(found) == ["BreakerOpen.critical", "DatabaseDown.critical", "DeadLetters.warning"]
