"""Whether searches go to the index: not while it fails, but for one now and then that tries."""

import time
from collections.abc import Callable
from dataclasses import replace

from ragkeeper.core.clock import Clock, utc_now
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.retrieval.fallback.models import IndexTrouble

# Some searches may fail in a damaged part of an index that serves others well.
_FAILURES = 3
_SUCCESSES = 3
_TRY_EVERY = 5.0  # seconds


class IndexGate:
    """`trouble`: why searches do not all reach the index; None while they do."""

    def __init__(self, clock: Clock = utc_now, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._failures = 0
        self._successes = 0
        self._next_try = 0.0
        self.trouble: IndexTrouble | None = None

    def admits(self) -> bool:
        """Ask before each search. After three failures on end only one in five seconds is admitted."""
        if self._failures < _FAILURES:
            return True
        if self._monotonic() < self._next_try:
            return False
        self._next_try = self._monotonic() + _TRY_EVERY
        return True

    def failed(self, error: RagkeeperError) -> None:
        since = self.trouble.since if self.trouble else self._clock()
        self.trouble = IndexTrouble(error.code, error.message, since)
        self._failures += 1
        self._successes = 0
        self._next_try = self._monotonic() + _TRY_EVERY

    def worked(self) -> None:
        """One success opens the gate; a few on end are needed before the trouble counts as over."""
        if self.trouble is None:
            return
        self._failures = 0
        self._successes += 1
        self.trouble = None if self._successes >= _SUCCESSES else replace(self.trouble, answers=True)
