"""How the limit follows the times: down when they grow with the load, up while they do not."""

from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.http.limit import AdaptiveLimit, LimitRules

RULES = LimitRules(least=2, at_first=10, most=50, tolerance=2.0)


def limit() -> AdaptiveLimit:
    return AdaptiveLimit(RULES)


def observe(learned: AdaptiveLimit, seconds: float, at_once: int, times: int = 15) -> int:
    for _ in range(times):
        learned.observe(seconds, at_once)
    return learned.current


def test_it_rises_while_all_of_it_is_used_and_times_stay() -> None:
    assert observe(limit(), 0.01, 10) == 11


def test_it_stays_where_demand_is_less() -> None:
    assert observe(limit(), 0.01, 3, times=150) == 10


def test_it_falls_when_times_grow_under_load() -> None:
    learned = limit()
    observe(learned, 0.01, 3)
    assert observe(learned, 0.03, 10) == 7
    lowest = min(observe(learned, 0.01 * learned.current, learned.current) for _ in range(20))
    assert lowest == RULES.least


def test_slow_answers_to_few_people_change_nothing() -> None:
    learned = limit()
    observe(learned, 0.01, 1)
    assert observe(learned, 0.5, 2, times=150) == 10


def test_times_that_stay_longer_become_usual() -> None:
    """A slower model, say: it must not keep the limit down for ever."""
    learned = limit()
    observe(learned, 0.01, 3)
    assert observe(learned, 0.03, 10, times=15 * 10) < 10
    lowest = learned.current
    for _ in range(200):
        observe(learned, 0.03, learned.current)
    assert learned.current > lowest


def test_a_slow_model_that_is_back_is_soon_asked_by_as_many_as_before() -> None:
    """Answers without it were a hundred times as quick; that it takes longer is not for too many who ask."""
    learned = limit()
    observe(learned, 0.05, 10, times=15 * 10)
    for _ in range(30):
        observe(learned, 5.0, learned.current)
    assert learned.current >= RULES.at_first


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(1, 100)), max_size=400))
def test_it_never_leaves_its_bounds(samples: list[tuple[float, int]]) -> None:
    learned = limit()
    for seconds, at_once in samples:
        learned.observe(seconds, at_once)
        assert RULES.least <= learned.current <= RULES.most
