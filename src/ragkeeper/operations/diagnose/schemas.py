"""What crosses HTTP, and what `--json` prints."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel

from ragkeeper.operations.diagnose.models import Allocation, Performance, Remembered, Sample, SlowStatement, Stage

_DIGITS = 3


class StatementView(BaseModel):
    """A kind of statement that was slow since the server began; its text has `?` for every value."""

    name: str
    text: str
    count: int
    seconds: float
    longest: float

    @classmethod
    def of(cls, one: SlowStatement) -> Self:
        return cls(
            name=one.name,
            text=one.text,
            count=one.count,
            seconds=round(one.seconds, _DIGITS),
            longest=round(one.longest, _DIGITS),
        )


class StageView(BaseModel):
    """Seconds in the last hour; p95_before: of the day before that."""

    stage: str
    count: int
    mean: float
    p95: float
    p95_before: float | None

    @classmethod
    def of(cls, one: Stage) -> Self:
        before = None if one.before is None else round(one.before, 2 * _DIGITS)
        return cls(
            stage=one.name,
            count=one.count,
            mean=round(one.mean, 2 * _DIGITS),
            p95=round(one.p95, 2 * _DIGITS),
            p95_before=before,
        )


class RememberedView(BaseModel):
    """What the server knows of its own slowness."""

    slow_limit_seconds: float
    slow_statements: list[StatementView]
    stages: list[StageView]

    @classmethod
    def of(cls, one: Remembered) -> Self:
        return cls(
            slow_limit_seconds=one.limit,
            slow_statements=[StatementView.of(statement) for statement in one.statements],
            stages=[StageView.of(stage) for stage in one.stages],
        )

    def remembered(self) -> Remembered:
        return Remembered(
            self.slow_limit_seconds,
            [SlowStatement(**one.model_dump()) for one in self.slow_statements],
            [Stage(one.stage, one.count, one.mean, one.p95, one.p95_before) for one in self.stages],
        )


class AllocationView(BaseModel):
    """A line of code and what it holds more than when the trace began."""

    line: str
    bytes: int
    count: int

    @classmethod
    def of(cls, one: Allocation) -> Self:
        return cls(line=one.line, bytes=one.bytes, count=one.count)


def performance_view(found: Performance) -> dict[str, Any]:
    """Names as the guide has them."""
    host, answer = found.host, found.answer
    first = host.disk.file_systems[0] if host.disk.file_systems else None
    remembered = RememberedView.of(found.remembered).model_dump() if found.remembered else None
    return {
        "generated": found.generated.isoformat(),
        "cpu": _rounded(asdict(host.cpu)),
        "memory": _rounded(asdict(host.memory)),
        "disk": {
            "percent": round(first.percent, _DIGITS) if first else None,
            "free": first.free if first else None,
            "total": first.total if first else None,
            "read_bytes": host.disk.read_bytes,
            "write_bytes": host.disk.write_bytes,
            "file_systems": [_rounded(asdict(one)) for one in host.disk.file_systems],
        },
        "network": asdict(host.network),
        "api": {
            "response_time": answer.seconds,
            "health_time": answer.health_seconds,
            "problem": answer.problem,
            "known_answer": answer.known_answer,
            "stages": dict(answer.stages),
        },
        "slow_statements": remembered["slow_statements"] if remembered else None,
        "stages": remembered["stages"] if remembered else None,
        "database": {
            "tables": {table.name: table.rows for table in found.database.tables},
            "problem": found.database.problem,
            "unused_indexes": None,  # SQLite does not count how often an index is used
        },
        "issues": list(found.issues),
        "advice": [*found.stage_advice, *found.index_advice],
    }


def sample_view(one: Sample) -> dict[str, Any]:
    return {"at": _moment(one.at), "bytes": one.used, "percent": round(one.percent, 2), "processes": one.processes}


def lines_view(found: Sequence[Allocation]) -> list[dict[str, Any]]:
    return [asdict(one) for one in found]


def _rounded(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, _DIGITS) if isinstance(value, float) else value for name, value in fields.items()}


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
