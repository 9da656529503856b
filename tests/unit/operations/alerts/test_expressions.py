import math

import pytest

from ragkeeper.core.figures.holdings import INDEX_LAG
from ragkeeper.core.metrics import HTTP_SECONDS
from ragkeeper.operations.alerts.expressions import (
    Absent,
    Aggregate,
    Arithmetic,
    Both,
    Compare,
    Either,
    Expression,
    Match,
    Most,
    Number,
    Predicted,
    Quantile,
    Rate,
    Select,
    Span,
    Vector,
    duration,
)
from tests.unit.operations.alerts.world import ALL, BUCKETS, GOOD, recent, request

NOTHING: Vector = {}
ONE = frozenset[tuple[str, str]]()
LAG = Select(INDEX_LAG)
TOTAL = Aggregate("sum", Rate(ALL, 60))


def written(expression: Expression, span: Span = Span()) -> str:  # noqa: B008 - frozen
    return expression.promql(span)


def test_a_series_names_its_job_and_labels():
    assert written(GOOD) == 'http_requests_total{job="rag-interface",status="200"}'
    assert written(Select(INDEX_LAG, job=None)) == "rag_index_lag_seconds"


@pytest.mark.parametrize(
    ("match", "text"),
    [
        (Match("a", ("x",)), 'a="x"'),
        (Match("a", ("x",), negated=True), 'a!="x"'),
        (Match("a", ("x", "y.z")), r'a=~"x|y\\.z"'),
        (Match("a", ("x", "y"), negated=True), 'a!~"x|y"'),
        (Match("a", ("5..",), pattern=True), 'a=~"5.."'),
        (Match("a", ("5..",), negated=True, pattern=True), 'a!~"5.."'),
    ],
)
def test_a_match_is_written_and_holds_alike(match: Match, text: str):
    assert match.promql() == text
    wanted = {"x": not match.negated, "500": match.pattern is not match.negated, "50": match.negated}
    if match.pattern:
        wanted |= {"x": match.negated}
    assert {value: match.holds({"a": value}) for value in wanted} == wanted


def test_a_label_that_is_not_there_is_empty():
    assert Match("a", ("x",), negated=True).holds({})
    assert not Match("a", ("x",)).holds({})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(300, "5m"), (90, "90s"), (3600, "1h"), (86400, "1d"), (0.25, "250ms"), (0, "0ms"), (1.5, "1500ms")],
)
def test_durations_are_written_as_prometheus_reads_them(seconds: float, text: str):
    assert duration(seconds) == text


def test_a_rehearsal_shortens_windows_but_leaves_room_for_scrapes():
    assert written(Rate(LAG, 3600), Span(0.01, 2)).endswith("[36s])")
    assert written(Rate(LAG, 60), Span(0.01, 2)).endswith("[2s])")


def test_a_rate_counts_what_came_in_the_window():
    moment = recent([request("200", 10)], [request("200", 25)], [request("200", 40)])
    assert TOTAL.values(moment) == {ONE: 1.0}
    assert Aggregate("sum", Rate(ALL, 30, total=True)).values(moment) == {ONE: 30.0}


def test_a_counter_that_begins_later_began_with_nothing():
    moment = recent([request("200", 10)], [request("200", 10), request("500", 3)])
    assert Rate(ALL, 60, total=True).values(moment)[frozenset(dict(request("500", 3)[1]).items())] == 3


def test_a_total_of_a_short_past_is_not_made_larger():
    moment = recent([request("200", 0)], [request("200", 1)])
    assert Aggregate("sum", Rate(ALL, 86400, total=True)).values(moment) == {ONE: 1.0}


def test_two_rows_of_one_moment_have_no_rate():
    assert TOTAL.values(recent([request("200", 10)], [request("200", 25)], every=0.0)) == NOTHING


def test_one_row_has_no_rate():
    assert TOTAL.values(recent([request("200", 10)])) == NOTHING
    assert TOTAL.values(recent()) == NOTHING


def test_groups_keep_only_their_labels():
    moment = recent([request("200", 1), request("500", 2), request("500", 4, "/x")])
    found = Aggregate("sum", ALL, ("status",)).values(moment)
    assert found == {frozenset({("status", "200")}): 1.0, frozenset({("status", "500")}): 6.0}
    assert Aggregate("max", ALL).values(moment) == {ONE: 4.0}
    assert Aggregate("min", ALL).values(moment) == {ONE: 1.0}
    assert Aggregate("avg", ALL).values(moment) == {ONE: pytest.approx(7 / 3)}


def test_a_quantile_lies_in_its_bucket():
    def row(*counts: float) -> list[tuple[str, dict[str, str], float]]:
        bounds = ("1.0", "2.0", "5.0", "+Inf")
        return [(HTTP_SECONDS.name + "_bucket", {"le": le}, count) for le, count in zip(bounds, counts, strict=True)]

    moment = recent(row(0, 0, 0, 0), row(80, 90, 100, 100))
    rates = Aggregate("sum", Rate(BUCKETS, 60), ("le",))
    assert Quantile(0.95, rates).values(moment) == {ONE: pytest.approx(3.5)}
    assert Quantile(0.5, rates).values(moment) == {ONE: pytest.approx(0.625)}
    assert Quantile(0.95, rates).values(recent(row(0, 0, 0, 0), row(0, 0, 0, 10))) == {ONE: 5.0}
    [nothing] = Quantile(0.95, rates).values(recent(row(1, 1, 1, 1), row(1, 1, 1, 1))).values()
    assert math.isnan(nothing)


def test_nothing_divided_by_nothing_is_above_nothing():
    moment = recent([request("200", 1)], [request("200", 1)])
    share = Arithmetic(TOTAL, "/", TOTAL)
    assert Compare(share, ">", Number(0)).values(moment) == NOTHING
    assert Arithmetic(Number(1), "/", TOTAL).values(moment) == {ONE: math.inf}


def test_comparing_keeps_what_it_holds_for():
    moment = recent([request("200", 1), request("500", 2)])
    assert list(Compare(ALL, ">", Number(1)).values(moment).values()) == [2.0]
    assert Compare(ALL, "<", ALL).values(moment) == NOTHING
    assert len(Compare(ALL, "==", ALL).values(moment)) == 2


def test_both_either_and_absent():
    moment = recent([request("200", 1), request("500", 2)])
    some, none = Compare(ALL, ">", Number(1)), Compare(ALL, ">", Number(5))
    assert list(Both(ALL, some).values(moment).values()) == [2.0]
    assert Both(ALL, none).values(moment) == NOTHING

    assert sorted(Either(some, ALL).values(moment).values()) == [1.0, 2.0]
    assert Absent(none).values(moment) == {ONE: 1.0}
    assert Absent(some).values(moment) == NOTHING


def test_both_may_compare_by_some_labels():
    moment = recent([request("200", 1), request("500", 2), request("500", 4, "/x")])
    some = Aggregate("sum", Select(GOOD.metric, (Match("path", ("/x",)),)), ("status",))
    assert sorted(Both(ALL, some, ("status",)).values(moment).values()) == [2.0, 4.0]
    assert Both(ALL, some).values(moment) == NOTHING
    assert "\n  and on (status)\n" in written(Both(ALL, some, ("status",)))


def test_a_line_is_drawn_through_the_window():
    rows = [[(INDEX_LAG.name, {}, 100.0 - number)] for number in range(5)]
    moment = recent(*rows, selects=(LAG,))
    assert Predicted(LAG, 60, 150).values(moment) == {ONE: pytest.approx(86.0)}
    assert Most(LAG, 60).values(moment) == {ONE: 100.0}
    assert Most(LAG, 20).values(moment) == {ONE: 97.0}


def test_every_part_tells_what_it_reads():
    expression = Both(Compare(TOTAL, ">", Number(1)), Either(Absent(GOOD), Most(LAG, 5)))
    assert set(expression.selects()) == {ALL, GOOD, LAG}
    assert written(expression).count("rag-interface") == 3
