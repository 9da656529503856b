"""Word, Excel, OpenDocument, RTF, EPUB, HTML, LaTeX and notebooks through kreuzberg's document tree."""

import re
from dataclasses import replace
from typing import Any

from ragkeeper.ingestion.parsers import charsets, sniff
from ragkeeper.ingestion.parsers.builder import DocumentBuilder
from ragkeeper.ingestion.parsers.formats import engine, markdown_text, rtf, web
from ragkeeper.ingestion.parsers.formats.nodes import NodeRenderer
from ragkeeper.ingestion.parsers.port import ParsedDocument

KINDS = {
    sniff.DOCX: "Word document", sniff.DOC: "Word document", sniff.XLSX: "Excel workbook", sniff.XLS: "Excel workbook",
    sniff.ODT: "OpenDocument text", sniff.ODS: "OpenDocument spreadsheet", sniff.RTF: "RTF document",
    sniff.EPUB: "EPUB book", sniff.HTML: "web page", sniff.LATEX: "LaTeX document", sniff.NOTEBOOK: "notebook",
    sniff.PPT: "PowerPoint presentation", sniff.PPTX: "PowerPoint presentation",
}  # fmt: skip
_SHEETS = frozenset({sniff.XLSX, sniff.XLS, sniff.ODS})
_WORD = re.compile(r"\w{2,}")
_KEPT_SHARE = 0.9


def read(data: bytes, media_type: str) -> ParsedDocument:
    """Return the document; when its tree has lost words that the plain text has, the plain text is used."""
    kind = KINDS.get(media_type, "document")
    if media_type == sniff.HTML:
        return _read_html(data, kind)
    if media_type == sniff.RTF:
        return _read_rtf(data, kind)
    return _read_tree(engine.extract_structured(data, media_type, kind), media_type)


def _read_rtf(data: bytes, kind: str) -> ParsedDocument:
    document = _read_tree(engine.extract_structured(rtf.with_unicode(data), sniff.RTF, kind), sniff.RTF)
    return replace(document, title=rtf.plain_title(document.title, data)) if document.title else document


def _read_tree(result: Any, media_type: str) -> ParsedDocument:
    builder = DocumentBuilder(media_type)
    nodes = (result.document or {}).get("nodes") or []
    if media_type in _SHEETS:
        _render_sheets(builder, nodes, list(result.metadata.get("sheet_names") or ()))
    elif media_type == sniff.PPT:
        _render_slides(builder, nodes)
    else:
        NodeRenderer(builder).render(nodes)
    document = describe(builder, result.metadata)
    return document if _keeps_words(document.text, result.content) else _from_markdown(result, media_type)


def _read_html(data: bytes, kind: str) -> ParsedDocument:
    """Web pages: kreuzberg's tree loses definition lists and more, its Markdown does not."""
    page = charsets.decode(data, charsets.declared_encoding(data)).text.encode("utf-8", "replace").decode()
    result = engine.extract_structured(web.without_frame(page).encode(), sniff.HTML, kind)
    builder = DocumentBuilder(sniff.HTML)
    markdown_text.add(builder, result.content)
    return describe(builder, result.metadata)


def describe(builder: DocumentBuilder, metadata: Any) -> ParsedDocument:
    builder.title = engine.title_of(metadata)
    builder.metadata.update(engine.describe(metadata))
    return builder.build()


def _render_sheets(builder: DocumentBuilder, nodes: list[Any], names: list[str]) -> None:
    """A sheet begins at the heading with its name; sheets without cells have no page."""
    renderer = NodeRenderer(builder)
    number = 0
    for node in nodes:
        content = node["content"]
        if content["node_type"] == "heading":
            name = content["text"]
            number = names.index(name, number) + 1 if name in names[number:] else number + 1
            builder.start_page(number)
        renderer.render([node])


def _render_slides(builder: DocumentBuilder, nodes: list[Any]) -> None:
    renderer = NodeRenderer(builder)
    number = 0
    for node in nodes:
        if node["content"]["node_type"] == "slide":
            number += 1
            builder.start_page(int(node["content"].get("number") or number))
        renderer.render([node])


def _keeps_words(text: str, content: str) -> bool:
    expected = len(_WORD.findall(content))
    return len(_WORD.findall(text)) >= expected * _KEPT_SHARE - 5


def _from_markdown(result: Any, media_type: str) -> ParsedDocument:
    builder = DocumentBuilder(media_type)
    markdown_text.add(builder, result.content)
    builder.warn("structure_lost", "Some headings, tables or pages of this file could not be told apart.")
    return describe(builder, result.metadata)
