from ragkeeper.providers.resilience.board import Board
from ragkeeper.providers.resilience.models import BreakerKey
from tests.unit.providers.resilience.stage import KEY, HandClock, guard


def test_a_model_can_be_used_where_all_of_its_operations_can() -> None:
    board, clock = Board(), HandClock()
    for operation in ("chat", "embed"):
        board.guard(BreakerKey("groq", "llama", operation), lambda: guard(clock))
    board.guard(BreakerKey("groq", "other", "chat"), lambda: guard(clock))
    assert board.usable() == {("groq", "llama"): True, ("groq", "other"): True}
    board.find("groq:embed")[0].saw(OSError())
    assert board.usable() == {("groq", "llama"): False, ("groq", "other"): True}


async def test_guards_are_made_once_and_found_by_name_or_provider() -> None:
    board, clock = Board(), HandClock()
    first = board.guard(KEY, lambda: guard(clock))
    other = board.guard(BreakerKey("groq", "llama", "embed"), lambda: guard(clock))
    assert board.guard(KEY, lambda: guard(clock)) is first
    assert board.find("groq") == [first, other]
    assert board.find("groq:chat") == [first]
    assert board.find("openai") == []
    assert [state.key for state in await board.states()] == [KEY, KEY]
