"""`POST /api/v1/documents`: a caller with a key and the right to write to the collection."""

from collections.abc import AsyncIterator
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import from_json
from starlette.datastructures import FormData, UploadFile

from ragkeeper.documents.models import Scalar
from ragkeeper.documents.schemas import METADATA_LIMITS, TITLE_LIMITS, Metadata, Title
from ragkeeper.documents.service import DEFAULT_COLLECTION
from ragkeeper.http.caller import CurrentCaller
from ragkeeper.ingestion.errors import UploadInvalid
from ragkeeper.ingestion.ports import FetchedPage, PageFetcher
from ragkeeper.ingestion.schemas import BULK, AcceptedView, TextBody, UrlBody
from ragkeeper.ingestion.service import IngestionService, Upload
from ragkeeper.storage.files.store import FileStore

# Where a body may be as large as a file.
UPLOAD_PATHS = frozenset({"/api/v1/documents"})

Body = TypeVar("Body", bound=BaseModel)

_BLOCK = 1 << 20
_METADATA: TypeAdapter[dict[str, Scalar]] = TypeAdapter(Metadata)
_BOOLEAN: TypeAdapter[bool] = TypeAdapter(bool)
_TITLE: TypeAdapter[str] = TypeAdapter(Title)

_FILE_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "name": {"type": "string", "description": "Default: the file's name. The same name again makes a new version."},
        "title": {"type": "string", "description": TITLE_LIMITS},
        "collection": {"type": "string", "default": DEFAULT_COLLECTION},
        "metadata": {"type": "string", "description": f"A JSON object. {METADATA_LIMITS}"},
        "bulk": {"type": "boolean", "default": False, "description": BULK},
    },
}
_BODIES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _FILE_FORM},
            "application/json": {"schema": {"anyOf": [TextBody.model_json_schema(), UrlBody.model_json_schema()]}},
        },
    }
}


def upload_routes(ingestion: IngestionService, files: FileStore, pages: PageFetcher) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["documents"])

    @router.post("/documents", status_code=202, openapi_extra=_BODIES)
    async def add_document(caller: CurrentCaller, request: Request) -> AcceptedView:
        files.require_space()  # a form is spooled to the same disk before it can be looked at
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            async with request.form(max_files=1, max_fields=20) as form:
                file, upload = _file_upload(form)
                return AcceptedView.of(await ingestion.accept(caller, upload, _blocks(file)))
        body = await request.body()
        if _names_page(body):
            wanted = _parsed(UrlBody, body)
            # First: who may add nothing has no errand for this server to run.
            await ingestion.require_writable(caller, wanted.collection)
            async with pages.fetch(wanted.url) as page:
                return AcceptedView.of(await ingestion.accept(caller, _page_upload(wanted, page), page.content))
        text = _parsed(TextBody, body)
        return AcceptedView.of(await ingestion.accept(caller, _text_upload(text), _once(_encoded(text.text))))

    @router.post("/documents/{document_id}/retry", status_code=202)
    async def retry_document(caller: CurrentCaller, document_id: str) -> AcceptedView:
        return AcceptedView.of(await ingestion.retry(caller, document_id))

    return router


def _file_upload(form: FormData) -> tuple[UploadFile, Upload]:
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise UploadInvalid(reason="the form has no part named `file`")
    return file, Upload(
        name=_text(form, "name") or file.filename or "",
        collection=_text(form, "collection") or DEFAULT_COLLECTION,
        title=_title(_text(form, "title")),
        metadata=_metadata(_text(form, "metadata")),
        bulk=_yes(_text(form, "bulk")),
    )


def _text(form: FormData, field: str) -> str | None:
    value = form.get(field)
    return value if isinstance(value, str) and value else None


def _title(text: str | None) -> str | None:
    return _TITLE.validate_python(text) if text else None


def _yes(text: str | None) -> bool:
    try:
        return _BOOLEAN.validate_python(text or False)
    except ValidationError as error:
        raise UploadInvalid(reason="`bulk` is neither true nor false") from error


def _metadata(text: str | None) -> dict[str, Scalar]:
    try:
        return _METADATA.validate_json(text) if text else {}
    except ValidationError as error:
        raise UploadInvalid(reason="`metadata` is not a JSON object of plain values") from error


def _names_page(body: bytes) -> bool:
    try:
        given = from_json(body)
    except ValueError:
        return False
    return isinstance(given, dict) and "url" in given and "text" not in given


def _parsed(model: type[Body], body: bytes) -> Body:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        reason = f"{'.'.join(str(part) for part in first['loc']) or 'body'}: {first['msg']}"
        raise UploadInvalid(reason=reason) from error


def _text_upload(body: TextBody) -> Upload:
    return Upload(body.name, body.collection, body.title, body.metadata, bulk=body.bulk)


def _page_upload(body: UrlBody, page: FetchedPage) -> Upload:
    metadata = {"url": body.url, **body.metadata}
    return Upload(
        page.name, body.collection, body.title, metadata, bulk=body.bulk, distinct=True, filename=page.filename
    )


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


async def _blocks(file: UploadFile) -> AsyncIterator[bytes]:
    while block := await file.read(_BLOCK):
        yield block


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
