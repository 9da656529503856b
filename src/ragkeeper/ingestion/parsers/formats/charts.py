"""Charts in Office files as tables: kreuzberg leaves them out, and with them the numbers that a slide is about."""

import posixpath
import re
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from ragkeeper.ingestion.errors import IngestionError
from ragkeeper.ingestion.parsers.builder import DocumentBuilder
from ragkeeper.ingestion.parsers.formats import xml_data

_CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_DRAW = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_SLIDES = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
# As `xml_data.parse` writes the names of attributes.
_LINK = "http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_CHART_KIND = re.compile(r"/chart$")
_SLIDE_KIND = re.compile(r"/slide$")
_FRACTION = re.compile(r"-?[0-9]+\.[0-9]{12,20}")
_MOST_ROWS = 1000


def related(archive: zipfile.ZipFile, part: str, kind: re.Pattern[str]) -> dict[str, str]:
    """Names of the parts that `part` refers to, by the reference's id; `kind` finds the wanted type of reference."""
    folder, name = posixpath.split(part)
    found = {}
    for link in _parsed(archive, f"{folder}/_rels/{name}.rels"):
        target = posixpath.normpath(posixpath.join("/" + folder, link.get("Target", "")))[1:]
        if kind.search(link.get("Type", "")) and link.get("TargetMode") != "External":
            found[link.get("Id", "")] = target
    return found


def slides(archive: zipfile.ZipFile) -> list[str]:
    """Names of the slides' parts in the order in which they are shown."""
    parts = related(archive, "ppt/presentation.xml", _SLIDE_KIND)
    shown = [slide.get(_LINK, "") for slide in _parsed(archive, "ppt/presentation.xml").iter(_SLIDES + "sldId")]
    return [parts[link] for link in shown if link in parts]


def of(archive: zipfile.ZipFile, part: str) -> list[str]:
    """Names of the parts that hold the charts of a slide or of a text."""
    return list(related(archive, part, _CHART_KIND).values())


def add(builder: DocumentBuilder, archive: zipfile.ZipFile, part: str) -> None:
    """Add one chart: its title, then a row for each category and a column for each series."""
    root = _parsed(archive, part)
    title = root.find(f"{_CHART}chart/{_CHART}title")
    if title is not None:
        builder.add("".join(text.text or "" for text in title.iter(_DRAW + "t")))
    series = list(root.iter(_CHART + "ser"))
    names = [next(iter(_points(one.find(_CHART + "tx")).values()), "") for one in series]
    categories: dict[int, str] = {}
    for one in series:
        categories = categories or _points(one.find(_CHART + "cat"))
    values = [_points(one.find(_CHART + "val")) for one in series]
    numbers = sorted({number for column in (categories, *values) for number in column})[:_MOST_ROWS]
    rows = [[categories.get(number, ""), *(column.get(number, "") for column in values)] for number in numbers]
    builder.add_table([["", *names], *rows])


def _points(element: ET.Element | None) -> dict[int, str]:
    """Cached values by their index."""
    return dict(_numbered(element)) if element is not None else {}


def _numbered(element: ET.Element) -> Iterator[tuple[int, str]]:
    for point in element.iter(_CHART + "pt"):
        index = point.get("idx", "")
        if index.isdecimal():
            yield int(index), _number(point.findtext(_CHART + "v") or "")


def _number(value: str) -> str:
    """4.4 for 4.4000000000000004, which is how Office writes its binary fractions."""
    return f"{float(value):.15g}" if _FRACTION.fullmatch(value) else value


def _parsed(archive: zipfile.ZipFile, part: str) -> ET.Element:
    """A part's root; an element without children where the part is missing or damaged: a chart is worth no refusal."""
    try:
        return xml_data.parse(archive.read(part), "Office document")
    except (KeyError, IngestionError):
        return ET.Element("nothing")
