"""Presentations: PPTX through kreuzberg slide by slide with speaker notes, ODP and damaged PPTX from their XML."""

import re
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from ragkeeper.ingestion.errors import FileDamaged
from ragkeeper.ingestion.parsers import sniff
from ragkeeper.ingestion.parsers.builder import DocumentBuilder
from ragkeeper.ingestion.parsers.formats import charts, engine, office, xml_data
from ragkeeper.ingestion.parsers.formats.nodes import NodeRenderer
from ragkeeper.ingestion.parsers.port import ParsedDocument

# Private-use characters never survive cleaning, so no slide can fake the marker.
_MARKER = "\ue0f1slide-"
_KIND = office.KINDS[sniff.PPTX]
_SLIDE_PART = re.compile(r"ppt/slides/slide(\d+)\.xml$")
_DRAW = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_ODP_DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_ODP_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"


def read_pptx(data: bytes, archive: zipfile.ZipFile) -> ParsedDocument:
    """Return one page per slide, its speaker notes after its text."""
    try:
        result = engine.extract_structured(data, sniff.PPTX, _KIND, _MARKER)
    except FileDamaged:
        return _salvage(archive)
    notes = _notes(data)
    builder = DocumentBuilder(sniff.PPTX)
    shown = dict(_split((result.document or {}).get("nodes") or []))
    drawn = {number: charts.of(archive, part) for number, part in enumerate(charts.slides(archive), 1)}
    for number in sorted({*shown, *(number for number, found in drawn.items() if found)}):
        builder.start_page(number)
        NodeRenderer(builder).render(shown.get(number, []))
        for part in drawn.get(number, ()):
            charts.add(builder, archive, part)
        builder.add(notes.get(number, ""))
    return office.describe(builder, result.metadata)


def _split(nodes: Sequence[Any]) -> Iterator[tuple[int, list[Any]]]:
    """Nodes of each slide, their links to parents counted within the slide: they tell ordered lists from others."""
    number, current = 1, list[Any]()
    for node in nodes:
        text = str(node["content"].get("text") or "")
        if _MARKER in text:
            if current:
                yield number, _relinked(current, nodes)
            number, current = int(re.sub(r"\D", "", text.rsplit(_MARKER, 1)[1]) or number), []
        else:
            current.append(node)
    if current:
        yield number, _relinked(current, nodes)


def _relinked(part: list[Any], nodes: Sequence[Any]) -> list[Any]:
    places = {id(node): place for place, node in enumerate(part)}
    relinked = []
    for node in part:
        parent = node.get("parent")
        relinked.append({**node, "parent": None if parent is None else places.get(id(nodes[parent]))})
    return relinked


def _notes(data: bytes) -> dict[int, str]:
    pages = engine.kreuzberg_pages(data, sniff.PPTX, _KIND, _MARKER)
    found = {}
    for number, text in pages.items():
        _, mark, notes = text.partition("\nNotes:\n")
        if mark and notes.strip():
            found[number] = "Notes: " + notes.strip()
    return found


def _salvage(archive: zipfile.ZipFile) -> ParsedDocument:
    """Text of the slides' XML where kreuzberg gives up, for instance over one missing picture."""
    builder = DocumentBuilder(sniff.PPTX)
    parts = sorted((int(match.group(1)), name) for name in archive.namelist() if (match := _SLIDE_PART.search(name)))
    for number, name in parts:
        builder.start_page(number)
        for paragraph in _paragraphs(xml_data.parse(archive.read(name), _KIND), _DRAW + "p"):
            builder.add(paragraph)
    builder.warn("structure_lost", "The presentation is partly damaged; the text of its slides could be read.")
    return builder.build()


def read_odp(archive: zipfile.ZipFile) -> ParsedDocument:
    """Return one page per slide of an OpenDocument presentation, notes included."""
    try:
        content = archive.read("content.xml")
    except KeyError as error:
        raise FileDamaged(kind="OpenDocument presentation", reason="content.xml is missing") from error
    builder = DocumentBuilder(sniff.ODP)
    root = xml_data.parse(content, "OpenDocument presentation")
    for number, page in enumerate(root.iter(_ODP_DRAW + "page"), 1):
        builder.start_page(number)
        for paragraph in _paragraphs(page, _ODP_TEXT + "p"):
            builder.add(paragraph)
    return builder.build()


def _paragraphs(root: ET.Element, tag: str) -> Iterator[str]:
    for paragraph in root.iter(tag):
        yield " ".join(part.strip() for part in paragraph.itertext() if part.strip())
