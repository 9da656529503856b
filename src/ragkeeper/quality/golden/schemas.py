"""A run of the golden questions over HTTP."""

from dataclasses import asdict
from datetime import datetime
from typing import Self

from pydantic import BaseModel

from ragkeeper.quality.golden.models import GoldenRun


class GoldenView(BaseModel):
    """hit_rate: share of the questions with a right document among the first ten; missed: ids of the others."""

    asked_at: datetime
    questions: int
    hit_rate: float
    ndcg: float
    missed: list[str]

    @classmethod
    def of(cls, run: GoldenRun) -> Self:
        return cls.model_validate(asdict(run))
