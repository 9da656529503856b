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
    learned = AdaptiveLimit(RULES_OF_CHAT)
    server, under_way, limits = ModelServer(places, seed), list[tuple[float, float, float]](), list[int]()
    now = 0.0
    for _ in range(3000):
        while len(under_way) < min(learned.current, callers):
            begins, ends = server.answer(now)
            heapq.heappush(under_way, (ends, now, begins))
        at_once = len(under_way)
        ends, asked, begins = heapq.heappop(under_way)
        now = ends
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
