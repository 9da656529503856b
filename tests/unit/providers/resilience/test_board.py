from ragkeeper.providers.resilience.board import Board
from ragkeeper.providers.resilience.models import BreakerKey
from tests.unit.providers.resilience.stage import KEY, HandClock, guard


async def test_guards_are_made_once_and_found_by_name_or_provider() -> None:
    board, clock = Board(), HandClock()
    first = board.guard(KEY, lambda: guard(clock))
    other = board.guard(BreakerKey("groq", "llama", "embed"), lambda: guard(clock))
    assert board.guard(KEY, lambda: guard(clock)) is first
    assert board.find("groq") == [first, other]
    assert board.find("groq:chat") == [first]
    assert board.find("openai") == []
    assert [state.key for state in await board.states()] == [KEY, KEY]
