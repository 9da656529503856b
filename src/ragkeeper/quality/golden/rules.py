"""How a run is scored. No I/O."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from ragkeeper.quality.evaluation.models import Grades
from ragkeeper.quality.evaluation.rules import ndcg
from ragkeeper.quality.golden.models import GoldenRun

DEPTH = 10
"""So many documents are looked at."""


def scored(rankings: Mapping[str, Sequence[str]], judgements: Mapping[str, Grades], asked_at: datetime) -> GoldenRun:
    """rankings: names of documents, best first, of every judged question, of which there is at least one."""
    missed = [query for query, grades in judgements.items() if not _is_hit(rankings[query], grades)]
    count = len(judgements)
    gains = sum(ndcg(rankings[query], grades, DEPTH) for query, grades in judgements.items())
    return GoldenRun(asked_at, count, (count - len(missed)) / count, gains / count, tuple(missed))


def _is_hit(ranking: Sequence[str], grades: Grades) -> bool:
    return any(grades.get(name, 0) > 0 for name in ranking[:DEPTH])
