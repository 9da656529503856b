"""What a guard adds to a call of a model: breaker, limit and counting, around a model that answers at once.

    python -m bench.guard

Prints microseconds for each call, plain and guarded in turns so that both meet the same load, and how long a hundred
calls of 200 ms take that are made at once.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import AsyncGenerator

from bench.conditions import print_conditions
from ragkeeper.providers.chat.guarded import GuardedChat
from ragkeeper.providers.chat.port import ChatMessage
from ragkeeper.providers.resilience.breaker import CircuitBreaker
from ragkeeper.providers.resilience.guard import Guard
from ragkeeper.providers.resilience.limit import CallLimit
from ragkeeper.providers.resilience.local import LocalCalls, LocalStates
from ragkeeper.providers.resilience.models import BreakerKey, BreakerPolicy
from ragkeeper.providers.resilience.retries import RetryBudget, RetryPolicy

_QUESTION = [ChatMessage("user", "Hi")]


class _Instant:
    """Answers at once, or after `delay` seconds."""

    name = model = "instant"

    def __init__(self, delay: float = 0.0) -> None:
        self._delay = delay

    async def stream(
        self,
        _messages: object,
        *,
        max_tokens: int,  # noqa: ARG002 - part of the port
        temperature: float,  # noqa: ARG002 - part of the port
    ) -> AsyncGenerator[str, None]:
        if self._delay:
            await asyncio.sleep(self._delay)
        yield "Hello"


def _guarded(model: _Instant, per_minute: int | None) -> GuardedChat:
    key = BreakerKey("bench", "instant", "chat")
    guard = Guard(
        CircuitBreaker(key, BreakerPolicy(), LocalStates()),
        CallLimit(key.name, per_minute, LocalCalls(), time.monotonic),
        RetryBudget(RetryPolicy(), time.monotonic),
    )
    return GuardedChat(model, guard)  # type: ignore[arg-type]  # only `stream` is called


async def _read(model: _Instant | GuardedChat) -> None:
    async for _ in model.stream(_QUESTION, max_tokens=1, temperature=0.0):
        pass


async def _microseconds(model: _Instant | GuardedChat, calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        await _read(model)
    return (time.perf_counter() - began) / calls * 1e6


async def measure(calls: int, rounds: int) -> dict[str, float]:
    """Medians over the rounds."""
    plain = _Instant()
    kinds: dict[str, _Instant | GuardedChat] = {
        "plain_us": plain,
        "guarded_us": _guarded(plain, None),
        "with_limit_us": _guarded(plain, 100_000_000),
    }
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, model in kinds.items():
            found[name].append(await _microseconds(model, calls))
    slow = _guarded(_Instant(delay=0.2), None)
    began = time.perf_counter()
    await asyncio.gather(*[_read(slow) for _ in range(100)])
    figures = {name: round(statistics.median(values), 2) for name, values in found.items()}
    return {**figures, "hundred_calls_of_200_ms_s": round(time.perf_counter() - began, 3)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--self-check", action="store_true", help="Measure little and check the result.")
    arguments = parser.parse_args()
    calls, rounds = (50, 2) if arguments.self_check else (2000, 15)
    print_conditions()
    found = asyncio.run(measure(calls, rounds))
    print(found)
    if arguments.self_check and not (found["plain_us"] > 0 and 0.2 <= found["hundred_calls_of_200_ms_s"] < 5):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
