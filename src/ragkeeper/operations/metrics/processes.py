"""Figures of this process and its children, by what they do.

This process is `api`, but for its threads that do the worker's work, such as embedding documents. What a child had
come to when it was last seen is nearly all it ever will: the rest of its processor time is found in what this process
has waited for, and its bytes are then among this process's own.
"""

import asyncio
import os
import resource
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ragkeeper.core.figures import machine as figures
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.metrics import proc
from ragkeeper.operations.metrics.rules import role_of, works

_GONE = (OSError, ValueError, KeyError, IndexError)
_OWN, _WORKER = "api", "worker"


@dataclass(slots=True)
class _Spent:
    cpu: float = 0.0
    read: float = 0.0
    written: float = 0.0

    def add(self, cpu: float, read: float, written: float) -> None:
        self.cpu += cpu
        self.read += read
        self.written += written

    def rise_to(self, other: "_Spent") -> None:
        """What is counted never falls, although a child may be gone here and not yet waited for."""
        self.cpu = max(self.cpu, other.cpu)
        self.read = max(self.read, other.read)
        self.written = max(self.written, other.written)


@dataclass(slots=True)
class _Known:
    role: str
    cpu: float
    read: int
    written: int


def _by_role() -> dict[str, _Spent]:
    return {role: _Spent() for role in figures.ROLES}


@dataclass(slots=True)
class _Account:
    """Who has spent how much since this process began."""

    alive: dict[int, _Known] = field(default_factory=dict)
    ended: dict[str, _Spent] = field(default_factory=_by_role)
    told: dict[str, _Spent] = field(default_factory=_by_role)

    def note(
        self, own: proc.Process, children: list[tuple[str, proc.Process]], working: float = 0.0
    ) -> dict[str, _Spent]:
        """working: seconds that threads of our own have spent on the worker's work."""
        now = {one.pid: _Known(role, one.cpu + one.waited, one.read, one.written) for role, one in children}
        for pid in self.alive.keys() - now.keys():
            gone = self.alive[pid]
            self.ended[gone.role].add(gone.cpu, gone.read, gone.written)
        self.alive = now
        for role, spent in self._sums(own, working).items():
            self.told[role].rise_to(spent)
        return self.told

    def _sums(self, own: proc.Process, working: float) -> dict[str, _Spent]:
        sums = _by_role()
        for role, spent in self.ended.items():
            sums[role].add(spent.cpu, spent.read, spent.written)
            sums[_OWN].add(0.0, -spent.read, -spent.written)
        unseen = max(own.waited - sum(spent.cpu for spent in self.ended.values()), 0.0)
        sums["parser"].add(unseen, 0.0, 0.0)  # of children, these alone come and go by the hundred
        working = min(working, own.cpu)
        sums[_OWN].add(own.cpu - working, own.read, own.written)
        sums[_WORKER].add(working, 0.0, 0.0)
        for one in self.alive.values():
            sums[one.role].add(one.cpu, one.read, one.written)
        return sums


def _running() -> dict[int, str]:
    return {one.native_id: one.name for one in threading.enumerate() if one.native_id is not None}


@dataclass(slots=True)
class _Threads:
    """What the threads that do the worker's work have spent, those that have ended too."""

    names: Callable[[], Mapping[int, str]]
    alive: dict[int, float] = field(default_factory=dict)
    ended: float = 0.0

    def look(self, pid: int, root: Path) -> float:
        now = {}
        for thread, name in self.names().items():
            if works(name):
                try:
                    now[thread] = proc.thread_seconds(pid, thread, root)
                except _GONE:
                    continue  # it has just ended
        self.ended += sum(spent for thread, spent in self.alive.items() if thread not in now)
        self.alive = now
        return self.ended + sum(now.values())


class ProcessFigures:
    def __init__(
        self,
        metrics: Metrics,
        root: Path = proc.PROC,
        pid: int | None = None,
        threads: Callable[[], Mapping[int, str]] = _running,
    ) -> None:
        """pid: the process whose figures are told; None: this one. threads: names by the kernel's numbers."""
        self._metrics = metrics
        self._root = root
        self._pid = os.getpid() if pid is None else pid
        self._account = _Account()
        self._threads = _Threads(threads)

    async def look(self) -> None:
        await asyncio.to_thread(self._look)

    async def look_at_own_memory(self) -> None:
        await asyncio.to_thread(self._look_at_own_memory)

    def _look(self) -> None:
        own, children = self._own(), self._children()
        for role in figures.ROLES:
            ours = [own] if role == _OWN else [one for theirs, one in children if theirs == role]
            self._metrics.set(figures.PROCESSES, len(ours), role=role)
            self._metrics.set(figures.PROCESS_MEMORY, sum(one.resident for one in ours), role=role)
            self._metrics.set(figures.PROCESS_FILES, sum(one.files for one in ours), role=role)
            self._metrics.set(figures.PROCESS_THREADS, sum(one.threads for one in ours), role=role)
        working = self._threads.look(self._pid, self._root)
        for role, spent in self._account.note(own, children, working).items():
            self._metrics.reached(figures.PROCESS_CPU, spent.cpu, role=role)
            self._metrics.reached(figures.PROCESS_READ, spent.read, role=role)
            self._metrics.reached(figures.PROCESS_WRITTEN, spent.written, role=role)
        self._metrics.set(figures.PROCESS_MOST_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[0])

    def _own(self) -> proc.Process:
        return proc.process(self._pid, self._root)

    def _children(self) -> list[tuple[str, proc.Process]]:
        found = []
        for pid in proc.descendants(self._pid, self._root):
            try:
                one = proc.process(pid, self._root)
            except _GONE:
                continue  # it has just ended
            found.append((role_of(one.command), one))
        return found

    def _look_at_own_memory(self) -> None:
        sums = dict.fromkeys(figures.ROLES, 0)
        for role, one in [(_OWN, self._own()), *self._children()]:
            try:
                sums[role] += proc.unique_memory(one.pid, self._root)
            except _GONE:
                continue
        for role, size in sums.items():
            self._metrics.set(figures.PROCESS_OWN_MEMORY, size, role=role)
