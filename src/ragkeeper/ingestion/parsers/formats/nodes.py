"""Renders kreuzberg's document tree as clean text with exact spans: headings, lists, Markdown tables, code, notes."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ragkeeper.ingestion.parsers import sniff
from ragkeeper.ingestion.parsers.builder import DocumentBuilder, clean
from ragkeeper.ingestion.parsers.formats.markdown_text import without_marks

Node = Mapping[str, Any]
_SKIPPED = frozenset({"group", "list", "quote", "page_break", "slide", "raw_block"})
_IMAGE_MARK = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)|\[Image(?:: [^\]\n]*)?\]")
# Formats whose cells and paragraphs kreuzberg fills with Markdown.
_MARKED = frozenset({sniff.DOCX, sniff.PPTX})
# Bold words that a slide spreads over paragraphs: one begins with the mark, another ends with it.
_EDGE = re.compile(r"^\*{2,3} ?|\*{2,3}$", re.MULTILINE)
_FURNITURE = frozenset({"header", "footer"})


class NodeRenderer:
    """Adds nodes to a builder in reading order; running headers and footers are left out."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._last_kind = ""
        self._ordinal = 0

    def render(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            if node.get("content_layer") not in _FURNITURE:
                self._render(node, nodes)

    def _render(self, node: Node, nodes: Sequence[Node]) -> None:
        content = node["content"]
        kind = content["node_type"]
        if kind in ("heading", "title"):
            self._builder.add_heading(content.get("level") or 1, content["text"])
        elif kind == "slide":
            self._builder.add_heading(2, content.get("title") or "")
        elif kind == "table":
            rows = grid_rows(content["grid"])
            marked = self._builder.media_type in _MARKED
            self._builder.add_table([list(map(without_marks, row)) for row in rows] if marked else rows)
        elif kind == "list_item":
            self._builder.add(self._bullet(node, nodes) + _words(content), "\n" if self._last_kind == kind else "\n\n")
        elif kind == "metadata_block":
            self._builder.add("\n".join(f"{name}: {value}" for name, value in content.get("entries", ())))
        elif kind == "image":
            self._builder.add(content.get("description") or "")
        elif kind not in _SKIPPED:
            words = _words(content)
            self._builder.add(without_marks(_EDGE.sub("", words)) if self._builder.media_type == sniff.PPTX else words)
        self._last_kind = kind

    def _bullet(self, node: Node, nodes: Sequence[Node]) -> str:
        parent = node.get("parent")
        if parent is None or not nodes[parent]["content"].get("ordered"):
            return "- "
        siblings = nodes[parent].get("children") or ()
        self._ordinal = self._ordinal + 1 if self._last_kind == "list_item" and len(siblings) > 1 else 1
        return f"{self._ordinal}. "


def _words(content: Mapping[str, Any]) -> str:
    return _IMAGE_MARK.sub("", clean(str(content.get("text") or "")))


def grid_rows(grid: Mapping[str, Any]) -> list[list[str]]:
    """Return a grid's cells as rows; spanned cells hold their text once."""
    rows = [[""] * int(grid.get("cols") or 0) for _ in range(int(grid.get("rows") or 0))]
    for cell in grid.get("cells") or ():
        row, column = int(cell["row"]), int(cell["col"])
        if row < len(rows) and column < len(rows[row]):
            rows[row][column] = str(cell.get("content") or "")
    return rows
