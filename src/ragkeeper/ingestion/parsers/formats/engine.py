"""The one place that calls kreuzberg: its settings, its errors in our words, its metadata in ours."""

import re
from collections.abc import Mapping
from typing import Any

import kreuzberg

from ragkeeper.ingestion.errors import FileDamaged, FileEncrypted, FormatUnsupported, IngestionError
from ragkeeper.ingestion.parsers.builder import one_line

_PAGES = kreuzberg.PageConfig(extract_pages=True)
_THREADS = kreuzberg.ConcurrencyConfig(max_threads=1)
# Plain keeps every word of a PDF; its Markdown mode takes 2 to 17 times as long and lost 78 % of one 61-page report.
_PLAIN = kreuzberg.ExtractionConfig(use_cache=False, pages=_PAGES, concurrency=_THREADS)
_STRUCTURED = kreuzberg.ExtractionConfig(
    use_cache=False, output_format="markdown", include_document_structure=True, concurrency=_THREADS
)
_ENCRYPTED = re.compile(r"password|encrypt", re.IGNORECASE)
_UNKNOWN = re.compile(r"unsupported|no extractor|not compiled|download", re.IGNORECASE)
_METADATA = {
    "subject": "subject",
    "authors": "author",
    "created_by": "author",
    "language": "language",
    "created_at": "created",
    "modified_at": "modified",
    "keywords": "keywords",
    "description": "description",
    "from_email": "from",
    "to_emails": "to",
    "cc_emails": "cc",
    "message_id": "message_id",
    "attachments": "attachments",
    "producer": "producer",
}
_VALUE_LENGTH = 1000


def extract_plain(data: bytes, media_type: str, kind: str) -> Any:
    """Return kreuzberg's result with one entry per page; raises IngestionError subclasses."""
    return _extract(data, media_type, kind, _PLAIN)


def extract_structured(data: bytes, media_type: str, kind: str, page_marker: str | None = None) -> Any:
    """Return kreuzberg's result with the document's nodes; `page_marker` puts "marker N" before page N."""
    if page_marker is None:
        return _extract(data, media_type, kind, _STRUCTURED)
    pages = kreuzberg.PageConfig(
        extract_pages=True, insert_page_markers=True, marker_format=f"\n\n{page_marker}{{page_num}}\n\n"
    )
    config = kreuzberg.ExtractionConfig(
        use_cache=False, output_format="markdown", include_document_structure=True, pages=pages, concurrency=_THREADS
    )
    return _extract(data, media_type, kind, config)


def extract_image(data: bytes, media_type: str, languages: str) -> str:
    """Return the words tesseract sees in an image."""
    ocr = kreuzberg.OcrConfig(backend="tesseract", language=languages)
    config = kreuzberg.ExtractionConfig(use_cache=False, ocr=ocr, concurrency=_THREADS)
    return str(_extract(data, media_type, "image", config).content)


def _extract(data: bytes, media_type: str, kind: str, config: kreuzberg.ExtractionConfig) -> Any:
    try:
        return kreuzberg.extract_bytes_sync(data, media_type, config)
    except (kreuzberg.KreuzbergError, RuntimeError, ValueError, OSError) as error:
        raise _in_our_words(str(error), kind) from error


def _in_our_words(reason: str, kind: str) -> IngestionError:
    if _ENCRYPTED.search(reason):
        return FileEncrypted(kind=kind)
    if _UNKNOWN.search(reason):
        return FormatUnsupported(found=kind)
    return FileDamaged(kind=kind, reason=_shortest(reason))


def _shortest(reason: str) -> str:
    """Nested Rust errors repeat themselves; the last part says what happened."""
    parts = [part.strip() for part in one_line(reason).split(": ") if part.strip()]
    return ": ".join(dict.fromkeys(parts[-2:]))[:200] or "it could not be read"


def title_of(metadata: Mapping[str, Any]) -> str | None:
    title = one_line(str(metadata.get("title") or metadata.get("subject") or ""))
    return title[:300] or None


def describe(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the metadata that ragkeeper keeps, as strings; the first of several sources wins."""
    kept: dict[str, str] = {}
    for source, name in _METADATA.items():
        value = metadata.get(source)
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
        if shown.strip() and name not in kept:
            kept[name] = one_line(shown)[:_VALUE_LENGTH]
    return kept


def kreuzberg_pages(data: bytes, media_type: str, kind: str, page_marker: str) -> dict[int, str]:
    """Return plain text by page number; kreuzberg's own page offsets are wrong for PPTX, its markers are right."""
    pages = kreuzberg.PageConfig(
        extract_pages=True, insert_page_markers=True, marker_format=f"\n\n{page_marker}{{page_num}}\n\n"
    )
    config = kreuzberg.ExtractionConfig(use_cache=False, pages=pages, concurrency=_THREADS)
    found = {}
    for part in str(_extract(data, media_type, kind, config).content).split(page_marker)[1:]:
        number, _, text = part.partition("\n")
        found[int(number)] = text
    return found
