"""The settings of golden questions; `core/settings.py` reads them with all others."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class AccuracySettings(BaseModel):
    """Whether searches find what they should, asked by questions whose answers are known."""

    model_config = ConfigDict(frozen=True, populate_by_name=False, extra="forbid")

    golden_questions: Path | None = Field(
        None,
        alias="RAG_GOLDEN_QUESTIONS",
        description="Folder with questions (`queries.jsonl`) and the names of the documents that answer them "
        "(`qrels.tsv`): how many are found is measured; default: nothing is asked.",
    )
    golden_schedule: str = Field(
        "41 3 * * *", alias="RAG_GOLDEN_SCHEDULE", description="When they are asked: cron expression, five fields, UTC."
    )
