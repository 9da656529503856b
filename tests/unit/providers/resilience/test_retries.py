from ragkeeper.providers.resilience.retries import RetryBudget, RetryPolicy
from tests.unit.providers.resilience.stage import HandClock


def test_one_in_ten_calls_is_tried_again() -> None:
    clock = HandClock()
    budget = RetryBudget(RetryPolicy(), clock)
    for _ in range(100):
        budget.count_call()
    assert [budget.spend(1) for _ in range(12)] == [True] * 10 + [False] * 2
    clock.move(60)
    assert [budget.spend(1) for _ in range(2)] == [True, False]  # nobody called: the floor of one


def test_a_call_is_tried_three_times_at_most() -> None:
    budget = RetryBudget(RetryPolicy(floor=10), HandClock())
    assert [budget.spend(attempts) for attempts in (1, 2, 3)] == [True, True, False]


def test_pauses_grow_and_are_half_random() -> None:
    shortest = RetryBudget(RetryPolicy(), HandClock(), lambda: 0.0)
    longest = RetryBudget(RetryPolicy(), HandClock(), lambda: 1.0)
    assert [shortest.pause(attempts) for attempts in (1, 2, 9)] == [0.1, 0.2, 1.0]
    assert [longest.pause(attempts) for attempts in (1, 2, 9)] == [0.2, 0.4, 2.0]
