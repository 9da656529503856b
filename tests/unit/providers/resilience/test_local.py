from ragkeeper.providers.resilience.local import LocalCalls, LocalStates
from ragkeeper.providers.resilience.models import Record, State
from tests.unit.providers.resilience.stage import KEY, HandClock


async def test_a_record_changes_as_decided() -> None:
    states = LocalStates(HandClock())
    assert states.peek(KEY) == Record()
    before, after, told = await states.change(KEY, lambda record, now: (Record(State.OPEN, since=now), record.state))
    assert (before, after, told) == (Record(), Record(State.OPEN, since=1000.0), State.CLOSED)
    assert states.peek(KEY) == after


async def test_places_are_given_in_the_order_in_which_they_are_asked_for() -> None:
    clock = HandClock()
    calls = LocalCalls(clock, window=60)
    slots = [await calls.reserve("p", 2, within=100) for _ in range(5)]
    assert [slot.wait for slot in slots] == [0, 0, 60, 60, 120]
    assert [slot.id is None for slot in slots] == [False] * 4 + [True]
    assert calls.remaining("p", 2) == 0
    assert calls.remaining("another", 2) == 2


async def test_a_place_that_is_given_back_is_free() -> None:
    calls = LocalCalls(HandClock(), window=60)
    slot = await calls.reserve("p", 1, within=0)
    assert slot.id is not None
    await calls.give_back("p", slot.id)
    assert (await calls.reserve("p", 1, within=0)).wait == 0
