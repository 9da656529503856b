"""How the time of a piece of work grows with its size: told by the work itself, whatever the machine is."""

import time
from collections.abc import Callable
from typing import TypeVar

_TIMES = 4
_ROUNDS = 3

T = TypeVar("T")


def grows_with_its_size(work: Callable[[T], object], made: Callable[[int], T], size: int) -> bool:
    """Whether four times the size takes less than eight times as long; with the square of it, it takes sixteen times.

    made: what is worked on, of that size. The shortest of three takes counts: what disturbs one makes it longer.
    """
    few, many = made(size // _TIMES), made(size)
    shortest = [min(_seconds(work, one) for _ in range(_ROUNDS)) for one in (few, many)]
    return shortest[1] < 2 * _TIMES * shortest[0]


def _seconds(work: Callable[[T], object], one: T) -> float:
    """Of the processor."""
    began = time.process_time()
    work(one)
    return time.process_time() - began
