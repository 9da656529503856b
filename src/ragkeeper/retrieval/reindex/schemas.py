"""What crosses HTTP about a new index and a change of the embedding model."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.jobs.port import DurableJob
from ragkeeper.jobs.schemas import DurableJobView
from ragkeeper.retrieval.reindex import errors
from ragkeeper.retrieval.reindex.models import Estimate, Gate, IndexState, Judged, Kept, Progress

_GATE = Gate()
_KNOWN = {
    error.code: error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, RagkeeperError) and error is not RagkeeperError
}


class JudgedBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    query: str = Field(min_length=1, max_length=2000)
    grades: dict[str, int]


class RebuildBody(BaseModel):
    """embedding_model: in the words of RAG_EMBEDDING_MODEL; null: the one that serves."""

    model_config = ConfigDict(extra="forbid")

    embedding_model: str | None = None
    dry_run: bool = False
    min_overlap: float = Field(_GATE.min_overlap, ge=0, le=1)
    max_ndcg_loss: float = Field(_GATE.max_ndcg_loss, ge=0, le=1)
    force: bool = False
    golden: list[JudgedBody] = Field(default_factory=list, max_length=5000)

    def gate(self) -> Gate:
        return Gate(self.min_overlap, self.max_ndcg_loss, self.force)

    def judged(self) -> list[Judged]:
        return [Judged(one.query, one.grades) for one in self.golden]


class EstimateView(BaseModel):
    """to_embed: chunks without a vector of this model; megabytes: needed while the new index is made."""

    model: str
    chunks: int
    to_embed: int
    per_second: float
    seconds: float
    megabytes: float

    @classmethod
    def of(cls, estimate: Estimate) -> Self:
        return cls(
            model=estimate.model,
            chunks=estimate.chunks,
            to_embed=estimate.to_embed,
            per_second=estimate.per_second,
            seconds=estimate.seconds,
            megabytes=estimate.megabytes,
        )


class RebuildView(BaseModel):
    """job_id: null for a dry run. Follow it at `/api/v1/index/jobs/{job_id}`."""

    job_id: str | None
    estimate: EstimateView


class ProgressView(BaseModel):
    """waits_for: what holds it, an endpoint that is away, say; empty while nothing does."""

    stage: str
    done: int
    total: int
    waits_for: str

    @classmethod
    def of(cls, progress: Progress) -> Self:
        return cls(stage=progress.stage, done=progress.done, total=progress.total, waits_for=progress.waits_for)


class ServingView(BaseModel):
    generation: str
    model: str
    chunks: int | None
    vectors: int | None

    @classmethod
    def of(cls, kept: Kept) -> Self:
        return cls(generation=kept.name, model=kept.model, chunks=kept.chunks, vectors=kept.vectors)


class IndexView(BaseModel):
    """previous: the generation that a rollback returns to; other_model: the embedder that is kept with it."""

    serving: ServingView
    embedding_model: str
    embedding_setting: str
    previous: str | None
    other_model: str | None
    incomplete: bool
    job: str | None
    progress: ProgressView | None

    @classmethod
    def of(cls, state: IndexState) -> Self:
        return cls(
            serving=ServingView.of(state.serving),
            embedding_model=state.choice.serving,
            embedding_setting=state.choice.setting,
            previous=state.previous,
            other_model=state.choice.other,
            incomplete=state.incomplete,
            job=state.job,
            progress=ProgressView.of(state.progress) if state.progress else None,
        )


class CancelledView(BaseModel):
    """cancelled: false when no job was under way."""

    cancelled: bool


class IndexJobView(DurableJobView):
    """A job about the index. code, message, fix: why it failed."""

    fix: str | None
    progress: ProgressView | None

    @classmethod
    def of(cls, job: DurableJob, progress: Progress | None = None) -> Self:
        known = _KNOWN.get(job.code or "")
        return cls(
            **DurableJobView.of(job).model_dump(),
            fix=known.fix if known else None,
            progress=ProgressView.of(progress) if progress else None,
        )
