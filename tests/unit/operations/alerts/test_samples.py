from ragkeeper.operations.alerts.samples import Recent
from tests.unit.operations.alerts.world import ALL, BUCKETS, GOOD, recent, request

HOUR = 3600.0


def test_only_what_is_asked_for_is_kept():
    moment = recent([request("200", 1), ("something_else", {}, 5.0)])
    assert len(moment.latest(ALL)) == 1
    assert moment.latest(BUCKETS) == {}


def test_what_is_no_number_is_not_there():
    moment = recent([request("200", float("nan"))])
    assert moment.latest(ALL) == {}


def test_what_is_gone_is_gone():
    moment = recent([request("200", 1), request("500", 1)], [request("500", 1)])
    assert moment.latest(GOOD) == {}
    assert moment.edges(GOOD, 60) == {}
    assert len(moment.latest(ALL)) == 1


def test_days_are_kept_coarsely_and_forgotten_in_the_end():
    moment = Recent((ALL,))
    for minute in range(4 * 24 * 60):
        moment.add(minute * 60.0, [request("200", minute)])
    [((first, begin), (last, end))] = moment.edges(ALL, 3 * 24 * HOUR).values()
    assert last - first > 3 * 24 * HOUR - 600
    assert end - begin == (last - first) / 60
    [samples] = moment.within(ALL, 10 * 24 * HOUR).values()
    assert len(samples) < 1000
    assert len(moment.within(ALL, HOUR).popitem()[1]) == 61  # type: ignore[attr-defined]
