"""How the limit follows the times: down when they grow with the load, up while they do not."""

import heapq
import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.http.limit import AdaptiveLimit, LimitRules
from ragkeeper.http.overload import Kind, gates

RULES_OF_CHAT = gates()[Kind.CHAT].limit.rules
RULES = LimitRules(least=2, at_first=10, most=50, tolerance=2.0)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def limit() -> AdaptiveLimit:
    return AdaptiveLimit(RULES, Clock())


def observe(learned: AdaptiveLimit, seconds: float, at_once: int, times: int = 15) -> int:
    """So many requests that each took so long, one after another in so many places."""
    for _ in range(times):
        learned.clock.now += seconds / at_once
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


def test_after_a_fall_it_rests() -> None:
    learned = limit()
    observe(learned, 0.01, 3)
    assert observe(learned, 0.03, 10) == 7
    assert observe(learned, 0.01, 7) == 7
    learned.clock.now += 2
    assert observe(learned, 0.01, 7) == 8


def test_where_more_at_once_only_take_longer_it_is_rarely_tried() -> None:
    """One interpreter: a second search gains nothing, and both take twice as long."""
    learned = AdaptiveLimit(LimitRules(1, 4, 200, 1.3), Clock())
    levels = list[int]()
    for _ in range(100 * 60):
        at_once = learned.current
        learned.clock.now += 0.01
        learned.observe(0.01 * at_once, at_once)
        levels.append(at_once)
    learned_levels = levels[1500:]
    assert sum(level > 1 for level in learned_levels) < 0.03 * len(learned_levels)
    assert max(learned_levels) == 2, "and yet it is tried"


def test_where_more_at_once_take_no_longer_looking_at_fewer_costs_little() -> None:
    """Such as searches that wait for another machine's embedder."""
    learned, levels = limit(), list[int]()
    for _ in range(15 * 300):
        observe(learned, 0.05, learned.current, times=1)
        levels.append(learned.current)
    assert levels[-1] == RULES.most
    assert statistics.mean(levels[-15 * 100 :]) > 0.97 * RULES.most


def test_a_rise_that_does_well_shortens_the_next_rest() -> None:
    learned = limit()
    observe(learned, 0.01, 3)
    for _ in range(5):
        observe(learned, 0.03, learned.current)
    while learned.current < RULES.at_first:
        observe(learned, 0.01, learned.current)
        learned.clock.now += 1
    observe(learned, 0.01, learned.current)
    before = learned.current
    assert observe(learned, 0.05, before) < before
    learned.clock.now += 2
    fallen = learned.current
    assert observe(learned, 0.01, fallen) > fallen


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(1, 100)), max_size=400))
def test_it_never_leaves_its_bounds(samples: list[tuple[float, int]]) -> None:
    learned = limit()
    for seconds, at_once in samples:
        learned.observe(seconds, at_once)
        assert RULES.least <= learned.current <= RULES.most


class ModelServer:
    """Writes so many answers at once; who comes later waits for a place. Answers differ in length by a factor of 40."""

    def __init__(self, places: int, seed: int) -> None:
        self.free_at = [0.0] * places
        self.random = random.Random(seed)  # noqa: S311 - made-up lengths

    def answer(self, asked: float) -> tuple[float, float]:
        """When it begins and when it ends."""
        begins = max(heapq.heappop(self.free_at), asked) + self.random.uniform(0.3, 0.5)
        ends = begins + 0.5 * math.exp(self.random.uniform(0, math.log(40)))
        heapq.heappush(self.free_at, ends)
        return begins, ends


def learn(places: int, callers: int, seed: int, *, by_beginning: bool) -> list[int]:
    """The limit after each answer, while so many ask again as soon as they have their answer."""
    learned = AdaptiveLimit(RULES_OF_CHAT, clock := Clock())
    server, under_way, limits = ModelServer(places, seed), list[tuple[float, float, float]](), list[int]()
    now = 0.0
    for _ in range(3000):
        while len(under_way) < min(learned.current, callers):
            begins, ends = server.answer(now)
            heapq.heappush(under_way, (ends, now, begins))
        at_once = len(under_way)
        ends, asked, begins = heapq.heappop(under_way)
        now = clock.now = ends
        learned.observe((begins if by_beginning else ends) - asked, at_once)
        limits.append(learned.current)
    return limits


@pytest.mark.parametrize("seed", range(5))
def test_answers_of_very_different_lengths_keep_the_limit_up_when_their_beginnings_count(seed: int) -> None:
    assert min(learn(places=100, callers=40, seed=seed, by_beginning=True)) >= RULES_OF_CHAT.at_first
    dips = [min(learn(places=100, callers=40, seed=one, by_beginning=False)) for one in range(20)]
    assert min(dips) < RULES_OF_CHAT.at_first, "whole answers would do as well: this shows nothing"


@pytest.mark.parametrize("seed", range(5))
def test_a_model_with_few_places_is_asked_by_about_as_many(seed: int) -> None:
    limits = learn(places=8, callers=200, seed=seed, by_beginning=True)[-500:]
    assert statistics.mean(limits) <= 24
