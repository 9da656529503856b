"""The table of what the operations guides promise (`docs/reference/guides.tsv`): read, checked, and shown as a page."""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "guides.tsv"
STATES = ("proven", "open")
GUIDES = {
    "G0": "RAG interface",
    "G1": "RAG engine",
    "G2": "Personal RAG",
    "G3": "Enterprise RAG",
    "G4": "RAG system",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One promise; `test`: the test function that proves it, of a row about speed its benchmark; empty while open."""

    id: str
    round: str
    what: str
    interface: str
    test: str
    state: str


def read_rows(table: Path = TABLE) -> list[Row]:
    """Return the rows in table order; a malformed row is a ValueError with its line number."""
    with table.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [_row(line, number) for number, line in enumerate(lines, start=2)]


def _row(line: dict[str, str], number: int) -> Row:
    row = Row(**line)
    if row.state not in STATES or (row.state == "proven") != bool(row.test):
        raise ValueError(f"line {number}: a proven row names its test, an open one none: {row}")
    return row


def guides_page() -> str:
    rows = read_rows()
    return (
        "# What the operations guides promise\n\n"
        "Five guides describe how such a system is operated. Each row is one promise of theirs, in our words. "
        "A row is proven when a test in `tests/acceptance/guides/` drives the real product from outside, and could "
        "fail; a row about speed, when the benchmark that it names meets the target (tests do not time).\n\n"
        + _counts(rows)
        + "".join(_guide(guide, name, rows) for guide, name in GUIDES.items())
    )


def _counts(rows: list[Row]) -> str:
    proven = Counter(row.id[:2] for row in rows if row.state == "proven")
    total = Counter(row.id[:2] for row in rows)
    lines = [f"| {name} | {proven[guide]} | {total[guide]} |\n" for guide, name in GUIDES.items()]
    head = f"**{proven.total()} of {len(rows)} proven.**\n\n| guide | proven | rows |\n| --- | --- | --- |\n"
    return head + "".join(lines)


def _guide(guide: str, name: str, rows: list[Row]) -> str:
    lines = [
        f"| {row.id} | {row.what} | `{row.interface}` | {row.state} |\n" for row in rows if row.id.startswith(guide)
    ]
    return f"\n## {name}\n\n| id | what is true | where | state |\n| --- | --- | --- | --- |\n" + "".join(lines)
