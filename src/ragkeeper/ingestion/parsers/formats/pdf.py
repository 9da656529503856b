"""PDF: every page's words in reading order, wrapped lines joined, headings found, pages without text sent to OCR."""

import time
from pathlib import Path
from typing import Any

import kreuzberg

from ragkeeper.ingestion.errors import FileDamaged, NoText
from ragkeeper.ingestion.parsers import sniff
from ragkeeper.ingestion.parsers.builder import DocumentBuilder, clean
from ragkeeper.ingestion.parsers.formats import engine, images, lines, right_to_left
from ragkeeper.ingestion.parsers.port import ParsedDocument, ParseOptions

_KIND = "PDF"
_DPI = 200


def read(data: bytes, options: ParseOptions) -> ParsedDocument:
    result = engine.extract_plain(data, sniff.PDF, _KIND)
    pages = [clean(page["content"]) for page in result.pages or ()] or [clean(result.content)]
    builder = DocumentBuilder(sniff.PDF)
    blank = [number for number, text in enumerate(pages, 1) if not text.strip()]
    recognised = _recognise(data, blank, options, builder)
    if len(blank) == len(pages) and not any(recognised.values()):
        raise NoText(kind=_kind_of_blank(len(pages)), hint=images.hint(options))
    _add_pages(builder, [recognised.get(number) or text for number, text in enumerate(pages, 1)])
    builder.title = _title(result.metadata)
    builder.metadata.update(engine.describe(result.metadata))
    builder.metadata["pages"] = str(len(pages))
    return builder.build()


def _kind_of_blank(count: int) -> str:
    return "PDF (1 page without text)" if count == 1 else f"PDF ({count} pages without text)"


def _title(metadata: Any) -> str | None:
    title = str(metadata.get("title") or "")
    # Print drivers write the file's name there; the document's own name is better than "Microsoft Word - draft3.doc".
    return None if "Microsoft Word" in title or title.lower().startswith("untitled") else title[:300] or None


def _add_pages(builder: DocumentBuilder, pages: list[str]) -> None:
    running = lines.running_lines(pages)
    for number, text in enumerate(pages, 1):
        builder.start_page(number)
        page = lines.unwrap(right_to_left.reorder(text))
        start, end = builder.add_clean(page)
        for level, first, last, title in lines.headings(page, running) if end > start else ():
            builder.mark_heading(level, start + first, start + last, title)
    builder.end_page()


def _recognise(data: bytes, blank: list[int], options: ParseOptions, builder: DocumentBuilder) -> dict[int, str]:
    """Return the words seen on pages without text; says in warnings what was and what was not read."""
    if not blank:
        return {}
    found: dict[int, str] = {}
    if options.ocr_languages:
        found = _ocr(data, blank, options)
    for number in blank:
        if found.get(number):
            builder.warn("ocr_used", f"Page {number} is an image; its words were recognised.", number)
        else:
            builder.warn("page_without_text", _why_blank(number, found, options), number)
    return found


def _why_blank(number: int, found: dict[int, str], options: ParseOptions) -> str:
    if not options.ocr_languages:
        return f"Page {number} has no text. {images.hint(options)}"
    if number not in found:
        return f"Page {number} has no text and there was no time left to recognise its image."
    return f"Page {number} has no text that could be recognised."


def _ocr(data: bytes, blank: list[int], options: ParseOptions) -> dict[int, str]:
    path = Path("scan.pdf")  # kreuzberg draws pages of files only; the working folder is this process's own
    path.write_bytes(data)
    deadline = time.monotonic() + options.ocr_seconds
    found: dict[int, str] = {}
    try:
        for number in blank:
            if time.monotonic() > deadline:
                break
            found[number] = images.recognise(_draw(path, number), "image/png", options.ocr_languages)
    finally:
        path.unlink()
    return found


def _draw(path: Path, number: int) -> bytes:
    try:
        return kreuzberg.render_pdf_page(str(path), number - 1, dpi=_DPI)
    except (kreuzberg.KreuzbergError, RuntimeError, ValueError, OSError) as error:
        raise FileDamaged(kind=_KIND, reason=f"page {number} cannot be drawn") from error
