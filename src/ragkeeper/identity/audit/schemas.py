"""What crosses HTTP about the audit log."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel

from ragkeeper.identity.audit.models import AuditEntry


class AuditEntryView(BaseModel):
    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, Any]

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        return cls(
            id=entry.id,
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            details=dict(entry.details),
        )
