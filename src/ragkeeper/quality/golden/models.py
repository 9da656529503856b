"""What a run of the golden questions gives."""

from dataclasses import dataclass
from datetime import datetime

GOLDEN = "golden_questions"
"""Kind of durable jobs."""


@dataclass(frozen=True, slots=True)
class GoldenRun:
    """hit_rate, ndcg: means over the questions, from 0 to 1; missed: the ids of those that found nothing right."""

    asked_at: datetime
    questions: int
    hit_rate: float
    ndcg: float
    missed: tuple[str, ...]
