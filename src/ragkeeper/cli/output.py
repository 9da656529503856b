"""What commands print: the result on standard output, everything else on standard error; plain without a terminal."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ragkeeper.core.lines import one_line, plain


def print_json(value: object) -> None:
    _write(sys.stdout, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_text(text: object = "", *, end: str = "\n") -> None:
    """A part of the result, shown at once."""
    _write(sys.stdout, plain(text) + end)


def note(text: object) -> None:
    """Something worth knowing that is not the result."""
    _write(sys.stderr, plain(text) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table as wide as the terminal; without one, aligned columns, each row one line and nothing cut."""
    cells = [["" if cell is None else one_line(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_wrapped(columns, cells)
        return
    widths = [max(len(row[column]) for row in [columns, *cells]) for column in range(len(columns))]
    for row in [columns, *cells]:
        print_text("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_wrapped(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console(file=sys.stdout, highlight=False).print(table)


def print_fields(fields: Mapping[str, Any]) -> None:
    """Names and values, one a line; what is nested follows its name with a dot."""
    rows = flat(fields)
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        print_text(f"{name:<{width}}  {one_line(value)}")


def flat(fields: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in fields.items():
        if isinstance(value, Mapping):
            rows.extend(flat(value, f"{prefix}{name}."))
        else:
            rows.append((prefix + name, shown(value)))
    return rows


def shown(value: object) -> str:
    """A value as a person reads it."""
    if value is None or value in ([], ""):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value)


def size(count: int) -> str:
    """Bytes as a person reads them, in powers of 1000."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":  # noqa: PLR2004 - the step between units
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def _write(file: TextIO, text: str) -> None:
    file.write(text)
    file.flush()
