"""Figures of this process and its children, by what they do.

This process is `api`; it also does the work that is in no child. What a child had come to when it was last seen is
nearly all it ever will: the rest of its processor time is found in what this process has waited for, and its bytes are
then among this process's own.
"""

import asyncio
import os
import resource
from dataclasses import dataclass, field
from pathlib import Path

from ragkeeper.core.figures import machine as figures
from ragkeeper.core.metrics import Metrics
from ragkeeper.operations.metrics import proc
from ragkeeper.operations.metrics.rules import role_of

_GONE = (OSError, ValueError, KeyError, IndexError)
_OWN = "api"


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

    def note(self, own: proc.Process, children: list[tuple[str, proc.Process]]) -> dict[str, _Spent]:
        now = {one.pid: _Known(role, one.cpu + one.waited, one.read, one.written) for role, one in children}
        for pid in self.alive.keys() - now.keys():
            gone = self.alive[pid]
            self.ended[gone.role].add(gone.cpu, gone.read, gone.written)
        self.alive = now
        for role, spent in self._sums(own).items():
            self.told[role].rise_to(spent)
        return self.told

    def _sums(self, own: proc.Process) -> dict[str, _Spent]:
        sums = _by_role()
        for role, spent in self.ended.items():
            sums[role].add(spent.cpu, spent.read, spent.written)
            sums[_OWN].add(0.0, -spent.read, -spent.written)
        unseen = max(own.waited - sum(spent.cpu for spent in self.ended.values()), 0.0)
        sums["parser"].add(unseen, 0.0, 0.0)  # of children, these alone come and go by the hundred
        sums[_OWN].add(own.cpu, own.read, own.written)
        for one in self.alive.values():
            sums[one.role].add(one.cpu, one.read, one.written)
        return sums


class ProcessFigures:
    def __init__(self, metrics: Metrics, root: Path = proc.PROC, pid: int | None = None) -> None:
        """pid: the process whose figures are told; None: this one."""
        self._metrics = metrics
        self._root = root
        self._pid = os.getpid() if pid is None else pid
        self._account = _Account()

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
        for role, spent in self._account.note(own, children).items():
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
