"""Errors as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Errors:
    """How many records of one code there were in a span of time, and when the first and the last was."""

    count: int
    first: datetime
    last: datetime


ByCode = Mapping[str, Errors]
