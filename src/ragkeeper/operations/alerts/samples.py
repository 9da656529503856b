"""The newest figures of this process in memory: finely for an hour, coarsely for as long as any alert looks back."""

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ragkeeper.operations.alerts.expressions import Labels, Sample, Samples, Select, Vector

Figure = tuple[str, Mapping[str, str], float]
"""A series' name and labels, and its value."""

_FINE_SECONDS, _COARSE_EVERY, _COARSE_SECONDS = 3900.0, 300.0, 3 * 86400.0 + 3600.0
_Row = npt.NDArray[np.float64]


@dataclass(slots=True)
class _Columns:
    """Which columns a `Select` reads, as far as it has looked."""

    looked: int = 0
    found: list[int] = field(default_factory=list)


class Recent:
    """A row of values for each moment; what is not a number counts as not there, and so does a counter's absence as 0.

    Memory: 8 bytes for each series and row; 260 rows for the hour, 876 for three days.
    """

    def __init__(self, selects: Iterable[Select]) -> None:
        self._names = {select.name for select in selects}
        self._index: dict[tuple[str, Labels], int] = {}
        self._labels: list[tuple[str, Labels]] = []
        self._columns: dict[Select, _Columns] = {}
        self._fine: deque[tuple[float, _Row]] = deque()
        self._coarse: deque[tuple[float, _Row]] = deque()

    def add(self, now: float, figures: Iterable[Figure]) -> None:
        """now: seconds, of a clock that never goes back."""
        values: dict[int, float] = {}
        for name, labels, value in figures:
            if name in self._names:
                values[self._column(name, frozenset(labels.items()))] = value
        row = np.full(len(self._labels), math.nan)
        row[list(values)] = list(values.values())
        self._fine.append((now, row))
        if not self._coarse or now - self._coarse[-1][0] >= _COARSE_EVERY:
            self._coarse.append((now, row))
        _forget(self._fine, now - _FINE_SECONDS)
        _forget(self._coarse, now - _COARSE_SECONDS)

    def latest(self, select: Select) -> Vector:
        if not self._fine:
            return {}
        _, row = self._fine[-1]
        found = self._found(select)
        return {self._labels[one][1]: float(row[one]) for one in found if one < len(row) and not math.isnan(row[one])}

    def edges(self, select: Select, seconds: float) -> Mapping[Labels, tuple[Sample, Sample]]:
        rows = self._rows(seconds)
        if len(rows) < 2:  # noqa: PLR2004 - a first one and a last one
            return {}
        (first, begin), (last, end) = rows[0], rows[-1]
        return {
            self._labels[one][1]: ((first, _count(begin, one)), (last, float(end[one])))
            for one in self._found(select)
            if one < len(end) and not math.isnan(end[one])
        }

    def within(self, select: Select, seconds: float) -> Mapping[Labels, Samples]:
        rows = self._rows(seconds)
        return {
            self._labels[one][1]: [
                (when, float(row[one])) for when, row in rows if one < len(row) and not math.isnan(row[one])
            ]
            for one in self._found(select)
        }

    def _column(self, name: str, labels: Labels) -> int:
        key = (name, labels)
        if key not in self._index:
            self._index[key] = len(self._labels)
            self._labels.append(key)
        return self._index[key]

    def _found(self, select: Select) -> list[int]:
        known = self._columns.setdefault(select, _Columns())
        for number in range(known.looked, len(self._labels)):
            name, labels = self._labels[number]
            if name == select.name and select.holds(dict(labels)):
                known.found.append(number)
        known.looked = len(self._labels)
        return known.found

    def _rows(self, seconds: float) -> Sequence[tuple[float, _Row]]:
        if not self._fine:
            return []
        oldest = self._fine[-1][0] - seconds
        fine = [row for row in self._fine if row[0] >= oldest]
        return [row for row in self._coarse if oldest <= row[0] < fine[0][0]] + fine


def _count(row: _Row, column: int) -> float:
    """A counter that was not there yet had counted nothing."""
    return 0.0 if column >= len(row) or math.isnan(row[column]) else float(row[column])


def _forget(rows: deque[tuple[float, _Row]], before: float) -> None:
    while rows and rows[0][0] < before:
        rows.popleft()
