"""What crosses HTTP about a durable job."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel

from ragkeeper.jobs.port import DurableJob, DurableState


class DurableJobView(BaseModel):
    """result: what it did, once it is done; code, message: why it failed."""

    id: str
    kind: str
    state: DurableState
    created_at: datetime
    updated_at: datetime
    result: Any
    code: str | None
    message: str | None

    @classmethod
    def of(cls, job: DurableJob) -> Self:
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state,
            created_at=job.created_at,
            updated_at=job.updated_at,
            result=job.result,
            code=job.code,
            message=job.message,
        )
