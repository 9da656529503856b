"""`/api/v1/documents` and `/api/v1/collections`: any caller with a key, within its access lists."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from ragkeeper.documents.deletions import DeletionService
from ragkeeper.documents.errors import OriginalMissing
from ragkeeper.documents.models import VersionStatus
from ragkeeper.documents.schemas import (
    ChunkView,
    CollectionBody,
    CollectionView,
    ContentView,
    DeletedDocumentView,
    DeletionBody,
    DeletionReceiptView,
    DeletionView,
    DocumentView,
)
from ragkeeper.documents.service import DocumentService
from ragkeeper.http.caller import CurrentCaller
from ragkeeper.http.paging import Cursor, Limit, Page, decode_cursor, decode_number, page_of
from ragkeeper.storage.files.store import FileStore


def document_routes(documents: DocumentService, files: FileStore) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["documents"])
    _add_collections(router, documents)
    _add_documents(router, documents)
    _add_contents(router, documents, files)
    return router


def _add_collections(router: APIRouter, documents: DocumentService) -> None:
    @router.get("/collections")
    async def list_collections(caller: CurrentCaller) -> list[CollectionView]:
        return [CollectionView.of(collection) for collection in await documents.collections(caller)]

    @router.post("/collections", status_code=201)
    async def create_collection(caller: CurrentCaller, body: CollectionBody) -> CollectionView:
        return CollectionView.of(await documents.create_collection(caller, body.name, body.description))


def _add_documents(router: APIRouter, documents: DocumentService) -> None:
    @router.get("/documents")
    async def list_documents(
        caller: CurrentCaller,
        collection: str | None = None,
        status: Annotated[
            VersionStatus | None, Query(description="Only documents whose newest version is this far.")
        ] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[DocumentView]:
        rows = await documents.find_all(
            caller, collection=collection, after=decode_cursor(cursor), limit=limit + 1, status=status
        )
        return page_of(rows, limit, DocumentView.of, lambda document: document.id)

    @router.get("/documents/{document_id}")
    async def get_document(caller: CurrentCaller, document_id: str) -> DocumentView:
        return DocumentView.of(await documents.get(caller, document_id))


def _add_contents(router: APIRouter, documents: DocumentService, files: FileStore) -> None:
    @router.get("/documents/{document_id}/content")
    async def get_content(caller: CurrentCaller, document_id: str) -> ContentView:
        document, text = await documents.text(caller, document_id)
        return ContentView(
            document_id=document.id, version=document.current_version_id or "", title=document.title, text=text
        )

    @router.get("/documents/{document_id}/original")
    async def get_original(caller: CurrentCaller, document_id: str) -> FileResponse:
        """The file as it was sent, of the version that searches see; the headers name the version."""
        version = await documents.original(caller, document_id)
        path = files.path(version.sha256)
        if not await asyncio.to_thread(path.is_file):
            raise OriginalMissing(id=document_id, version=version.number)
        # Always a download of unknown bytes: a hostile page must not run in the server's origin.
        return FileResponse(
            path,
            media_type="application/octet-stream",
            filename=version.filename,
            headers={
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "sandbox",
                "X-Document-Version": version.id,
                "X-Document-Version-Number": str(version.number),
                "X-Document-Version-Status": version.status.value,
            },
        )

    @router.get("/documents/{document_id}/chunks")
    async def list_chunks(
        caller: CurrentCaller, document_id: str, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[ChunkView]:
        after = decode_number(cursor, first=-1)
        rows = await documents.chunks(caller, document_id, after=after, limit=limit + 1)
        return page_of(rows, limit, ChunkView.of, lambda chunk: str(chunk.ordinal))


def deletion_routes(deletions: DeletionService) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["documents"])

    @router.delete("/documents/{document_id}")
    async def delete_document(caller: CurrentCaller, document_id: str) -> DeletionReceiptView:
        return DeletionReceiptView.of(await deletions.delete(caller, document_id))

    @router.post("/documents/delete")
    async def delete_documents(caller: CurrentCaller, body: DeletionBody) -> DeletionView:
        """Delete many at once, by ids or by a filter."""
        plan = await deletions.plan(caller, body.selection())
        receipt = None if body.dry_run else await deletions.carry_out(caller, plan)
        return DeletionView.of(plan, receipt)

    @router.get("/deletions")
    async def list_deletions(
        caller: CurrentCaller, document_id: str | None = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[DeletionReceiptView]:
        """Receipts, newest first: your own, or all of them for an administrator."""
        rows = await deletions.receipts(caller, document_id=document_id, after=decode_cursor(cursor), limit=limit + 1)
        return page_of(rows, limit, DeletionReceiptView.of, lambda receipt: receipt.id)

    @router.get("/deletions/{deletion_id}")
    async def get_deletion(caller: CurrentCaller, deletion_id: str) -> DeletionReceiptView:
        return DeletionReceiptView.of(await deletions.receipt(caller, deletion_id))

    @router.get("/deletions/{deletion_id}/documents")
    async def list_deleted(
        caller: CurrentCaller, deletion_id: str, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[DeletedDocumentView]:
        rows = await deletions.members(caller, deletion_id, after=decode_cursor(cursor), limit=limit + 1)
        return page_of(rows, limit, DeletedDocumentView.of, lambda document: document.document_id)

    return router
