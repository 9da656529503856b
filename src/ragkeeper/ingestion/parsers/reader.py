"""One file's bytes to one document: told by content, measured, read by its format's reader, checked for emptiness."""

import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from ragkeeper.ingestion.errors import (
    ArchiveRefused,
    FileEmpty,
    FormatUnsupported,
    IngestionError,
    NestedTooDeeply,
    NoText,
    OutputTooLarge,
)
from ragkeeper.ingestion.parsers import archives, charsets, sniff
from ragkeeper.ingestion.parsers.builder import DocumentBuilder
from ragkeeper.ingestion.parsers.formats import charts, images, mail, markup, office, pdf, records, slides, xml_data
from ragkeeper.ingestion.parsers.port import ParsedDocument, ParseOptions, ParseWarning

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# A message in a message in a message: enough for mail that people forward.
_MOST_NESTED = 3
_WORD_TEXT = "word/document.xml"
_CHUNK_KIND = re.compile(r"/aFChunk$")
_EMPTY_HINT = "Check that it has text in it; if its words are in pictures, save it as PDF and send that."


def read(data: bytes, filename: str, options: ParseOptions, nested: int = 0) -> ParsedDocument:
    """Return the document; raises subclasses of IngestionError. `nested`: how many messages it was attached to."""
    if not data:
        raise FileEmpty
    document = _read(data, filename, options, nested)
    if not document.text.strip():
        raise NoText(kind=office.KINDS.get(document.media_type, "file"), hint=_EMPTY_HINT)
    if len(document.text) > options.output_characters:
        raise OutputTooLarge(limit=options.output_characters)
    return document


def _read(data: bytes, filename: str, options: ParseOptions, nested: int) -> ParsedDocument:
    if data.startswith((b"PK\3\4", b"PK\5\6", b"PK\7\x08")):
        return _read_zip(data, options, nested)
    media_type = sniff.identify_ole(data, filename) if data.startswith(_OLE) else sniff.identify(data, filename)
    if media_type == sniff.PDF:
        return pdf.read(data, options)
    if media_type.startswith("image/"):
        return images.read(data, media_type, options)
    if media_type in (sniff.MAIL, sniff.MBOX):
        return _read_mail(data, media_type, options, nested)
    special = _READERS.get(media_type)
    if special:
        return special(data)
    if media_type in office.KINDS:
        return office.read(data, media_type)
    return _read_text(data, media_type)


def _read_mail(data: bytes, media_type: str, options: ParseOptions, nested: int) -> ParsedDocument:
    def read_attached(content: bytes, name: str) -> ParsedDocument:
        if nested >= _MOST_NESTED:
            raise NestedTooDeeply(kind="e-mail", limit=_MOST_NESTED)
        return read(content, name, options, nested + 1)

    return (mail.read_mailbox if media_type == sniff.MBOX else mail.read)(data, read_attached)


def _read_latex(data: bytes) -> ParsedDocument:
    """A fragment without a document body comes back empty; its source is better than nothing."""
    document = office.read(data, sniff.LATEX)
    return document if document.text.strip() else _read_text(data, sniff.PLAIN)


def _read_zip(data: bytes, options: ParseOptions, nested: int) -> ParsedDocument:
    archive = archives.open_listed(data)
    media_type = sniff.identify_zip(archive.namelist(), _mimetype(archive))
    archives.measure(archive, len(data), options.expanded_bytes)
    if media_type == sniff.PPTX:
        return slides.read_pptx(data, archive)
    if media_type == sniff.ODP:
        return slides.read_odp(archive)
    if media_type not in office.KINDS:
        raise ArchiveRefused(found=media_type)
    document = office.read(data, media_type)
    return _with_parts(document, archive, options, nested) if media_type == sniff.DOCX else document


def _with_parts(
    document: ParsedDocument, archive: zipfile.ZipFile, options: ParseOptions, nested: int
) -> ParsedDocument:
    """A text with what Word shows in it and kreuzberg leaves out: whole documents put into it, and charts."""
    chunks = charts.related(archive, _WORD_TEXT, _CHUNK_KIND).values() if nested < _MOST_NESTED else ()
    drawn = charts.of(archive, _WORD_TEXT)
    if not chunks and not drawn:
        return document
    builder = DocumentBuilder.continuing(document)
    for part in chunks:
        with suppress(IngestionError, KeyError):
            builder.include(read(archive.read(part), part, options, nested + 1), levels=0)
    for part in drawn:
        charts.add(builder, archive, part)
    return builder.build()


def _mimetype(archive: zipfile.ZipFile) -> bytes:
    if "mimetype" not in archive.namelist():
        return b""
    with archive.open("mimetype") as entry:
        return entry.read(200)


def _read_text(data: bytes, media_type: str) -> ParsedDocument:
    decoded = charsets.decode(data)
    if not decoded.plausible:
        raise FormatUnsupported(found="text in an unknown encoding, or binary data")
    if media_type in (sniff.CSV, sniff.TSV):
        document = records.read_csv(decoded.text, media_type)
    elif media_type == sniff.JSON:
        document = records.read_json(decoded.text)
    elif media_type == sniff.JSONL:
        document = records.read_json_lines(decoded.text)
    else:
        document = markup.read(decoded.text, media_type)
    warnings = (*document.warnings, *_decoding_warnings(decoded))
    return replace(document, metadata={**document.metadata, "encoding": decoded.encoding}, warnings=warnings)


def _decoding_warnings(decoded: charsets.Decoded) -> list[ParseWarning]:
    found = []
    if decoded.guessed:
        message = f"The file does not say its encoding; read as {decoded.encoding}."
        found.append(ParseWarning("encoding_guessed", message))
    if decoded.replaced:
        message = f"{decoded.replaced} characters could not be read and show as \ufffd."
        found.append(ParseWarning("text_replaced_characters", message))
    return found


_READERS: dict[str, Callable[[bytes], ParsedDocument]] = {
    sniff.MSG: mail.read_outlook,
    sniff.XML: xml_data.read,
    sniff.LATEX: _read_latex,
}
