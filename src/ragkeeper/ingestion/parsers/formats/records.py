"""Tables and data as text: CSV, TSV, JSON, JSON lines."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from ragkeeper.ingestion.errors import NestedTooDeeply
from ragkeeper.ingestion.parsers import sniff
from ragkeeper.ingestion.parsers.builder import DocumentBuilder, clean
from ragkeeper.ingestion.parsers.formats import markup
from ragkeeper.ingestion.parsers.port import ParsedDocument

DEPTH = 100
_FIELD_CHARACTERS = 10_000_000
_SNIFFED = 20_000


def read_csv(text: str, media_type: str) -> ParsedDocument:
    """Return rows as one Markdown table; the delimiter is found by counting when the name does not settle it."""
    csv.field_size_limit(_FIELD_CHARACTERS)
    delimiter = "\t" if media_type == sniff.TSV else _delimiter(text[:_SNIFFED])
    builder = DocumentBuilder(media_type)
    try:
        # After a quote that never closes the csv module reads on to the end: one long cell, but nothing is lost.
        builder.add_table(csv.reader(io.StringIO(text.replace("\0", "")), delimiter=delimiter))
    except csv.Error:
        return markup.read(text, sniff.PLAIN)
    return builder.build()


def _delimiter(sample: str) -> str:
    if sample.startswith("sep=") and len(sample) > len("sep="):
        return sample[len("sep=")]
    lines = [line for line in sample.splitlines()[:50] if line.strip()]
    return max(",;\t|", key=lambda mark: _regularity(lines, mark))


def _regularity(lines: list[str], mark: str) -> tuple[int, int]:
    """How many lines have the commonest number (not 0) of fields, then how many fields that is."""
    counts = [len(row) - 1 for row in csv.reader(lines, delimiter=mark)]
    counts = [count for count in counts if count]
    commonest = max(set(counts), key=counts.count, default=0)
    return counts.count(commonest), commonest


def read_json(text: str) -> ParsedDocument:
    """Return `key: value` lines; text that is not JSON is kept as it stands, with a warning."""
    builder = DocumentBuilder(sniff.JSON)
    try:
        value = json.loads(text)
    except ValueError:
        return _as_it_stands(text)
    except RecursionError as error:
        raise NestedTooDeeply(kind="JSON", limit=DEPTH) from error
    _add_records(builder, value)
    return builder.build()


def read_json_lines(text: str) -> ParsedDocument:
    """Return one block per line's record."""
    builder = DocumentBuilder(sniff.JSONL)
    broken = 0
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            builder.add("\n".join(_lines(json.loads(line), "", 0)))
        except ValueError:
            broken += 1
            builder.add(line)
        except RecursionError as error:
            raise NestedTooDeeply(kind="JSON", limit=DEPTH) from error
    if broken:
        builder.warn("not_valid_json", f"{broken} lines are not JSON and are kept as they stand.")
    return builder.build()


def _as_it_stands(text: str) -> ParsedDocument:
    builder = DocumentBuilder(sniff.JSON)
    builder.add(text)
    builder.warn("not_valid_json", "The file is not valid JSON and is kept as it stands.")
    return builder.build()


def _add_records(builder: DocumentBuilder, value: Any) -> None:
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for item in value:
            builder.add("\n".join(_lines(item, "", 0)))
    else:
        builder.add("\n".join(_lines(value, "", 0)))


def _lines(value: Any, path: str, depth: int) -> Iterator[str]:
    if depth > DEPTH:
        raise NestedTooDeeply(kind="JSON", limit=DEPTH)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(inner, f"{path}.{key}" if path else str(key), depth + 1)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for number, inner in enumerate(value, 1):
            yield from _lines(inner, f"{path} {number}".strip(), depth + 1)
    else:
        shown = ", ".join(map(_scalar, value)) if isinstance(value, list) else _scalar(value)
        if shown:
            yield f"{path}: {shown}" if path else shown


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return clean(value) if isinstance(value, str) else str(value)
