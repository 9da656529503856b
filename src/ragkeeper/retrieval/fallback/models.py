"""What is looked for in SQL, and what is wrong with the index."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Term:
    """A word without its ending, in each form in which it may stand in a text. weight: rare words are long ones."""

    forms: tuple[str, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class IndexTrouble:
    """since: the first failure after which no search has worked again for good. answers: the newest one did."""

    code: str
    reason: str
    since: datetime
    answers: bool = False
