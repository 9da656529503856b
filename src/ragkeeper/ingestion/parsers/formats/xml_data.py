"""XML of any kind as text. Entities are refused and depth is bounded: kreuzberg takes all memory on deep nesting."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET
from xml.parsers import expat

from ragkeeper.ingestion.errors import ExpansionTooLarge, FileDamaged, NestedTooDeeply
from ragkeeper.ingestion.parsers import charsets, sniff
from ragkeeper.ingestion.parsers.builder import DocumentBuilder, one_line
from ragkeeper.ingestion.parsers.port import ParsedDocument

DEPTH = 200
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_TAG = re.compile(r"<[^<>]{1,500}>")
_PROSE = frozenset(
    {"p", "para", "text", "title", "body", "description", "content", "abstract", "summary", "span", "div", "li", "t"}
)
_LABEL_UP_TO = 120


def parse(data: bytes, kind: str) -> ET.Element:
    """Return the root element; raises ExpansionTooLarge (entities), NestedTooDeeply, FileDamaged."""
    text = _DECLARATION.sub("", charsets.decode(data, charsets.declared_encoding(data)).text.lstrip("\ufeff"))
    target = ET.TreeBuilder()
    parser = expat.ParserCreate("utf-8", namespace_separator="}")
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEPTH:
            raise NestedTooDeeply(kind=kind, limit=DEPTH)
        target.start(_named(name), attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        target.end(_named(name))

    def entity(name: str, *_: object) -> None:
        raise ExpansionTooLarge(kind=kind, reason=f"it declares the entity {name!r}, which could unpack without end")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.EntityDeclHandler = target.data, entity
    parser.buffer_text = True
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise FileDamaged(kind=kind, reason=f"its XML is broken ({error})") from error
    return target.close()


def _named(name: str) -> str:
    return "{" + name if "}" in name else name


def read(data: bytes) -> ParsedDocument:
    """Return `name: value` lines for data and paragraphs for prose; broken XML is kept without its tags."""
    builder = DocumentBuilder(sniff.XML)
    try:
        root = parse(data, "XML file")
    except FileDamaged as error:
        text = charsets.decode(data, charsets.declared_encoding(data)).text
        builder.add(_TAG.sub(" ", text))
        builder.warn("not_valid_xml", f"{error.message} Its text was kept without tags.")
        return builder.build()
    record: list[str] = []
    for line in _lines(root):
        if line:
            record.append(line)
        elif record:
            builder.add("\n".join(record))
            record = []
    builder.add("\n".join(record))
    return builder.build()


def _lines(element: ET.Element) -> Iterator[str]:
    """A line per element with text; an empty line closes each element that has children."""
    name = element.tag.rpartition("}")[2]
    if not len(element):
        yield _labelled(name, _value(element.text or ""))
        return
    if _is_mixed(element):
        yield one_line("".join(element.itertext()))
    else:
        for child in element:
            yield from (line for line in _lines(child) if line or len(child))
    yield ""


def _is_mixed(element: ET.Element) -> bool:
    """Text between children makes it prose with markup inside."""
    return bool((element.text or "").strip()) or any((child.tail or "").strip() for child in element)


def _value(text: str) -> str:
    return one_line(_TAG.sub(" ", text)) if "<" in text else one_line(text)


def _labelled(name: str, value: str) -> str:
    return f"{name}: {value}" if value and name not in _PROSE and len(value) <= _LABEL_UP_TO else value
