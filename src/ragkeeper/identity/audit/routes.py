"""`/admin/audit`: for administrators."""

from fastapi import APIRouter

from ragkeeper.http.caller import CurrentCaller
from ragkeeper.http.paging import Cursor, Limit, Page, decode_number, page_of
from ragkeeper.identity.audit.schemas import AuditEntryView
from ragkeeper.identity.audit.service import NEWEST, AuditService


def audit_routes(audit: AuditService) -> APIRouter:
    router = APIRouter(prefix="/admin", tags=["administration"])

    @router.get("/audit")
    async def list_audit(
        caller: CurrentCaller, action: str | None = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[AuditEntryView]:
        """Who did what, newest first; `action`: only acts of this kind. Administrators only."""
        rows = await audit.entries(caller, before=decode_number(cursor, NEWEST), action=action, limit=limit + 1)
        return page_of(rows, limit, AuditEntryView.of, lambda entry: str(entry.id))

    return router
