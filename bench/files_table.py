"""Runs a folder of real and hostile files through the confined parser and writes what became of each.

    python bench/files_table.py ../shared/data/files docs/reference/files.md

Where `_expected` holds a reference text (NAME.md), word recall is printed: the share of its words that were found.
"""

import argparse
import asyncio
import os
import platform
import re
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ragkeeper.ingestion.errors import IngestionError
from ragkeeper.ingestion.parsers.pool import SandboxedParser

_WORD = re.compile(r"[^\W_]{2,}")
_MARKUP = re.compile(r"<!--.*?-->|</?\w+[^>]*>|\]\([^)]*\)", re.DOTALL)
_SKIPPED = frozenset({"_expected"})


@dataclass(frozen=True, slots=True)
class Row:
    folder: str
    name: str
    outcome: str
    note: str
    seconds: float
    peak_mib: int
    characters: int
    recall: float | None
    warnings: str


def words(text: str) -> Counter[str]:
    return Counter(word.lower() for word in _WORD.findall(text))


def recall(text: str, expected: Path) -> float | None:
    """Share of the reference's words that the text has too; None without a reference."""
    if not expected.is_file():
        return None
    wanted = words(_MARKUP.sub(" ", expected.read_text(errors="replace")))
    found = words(text)
    total = sum(wanted.values())
    return sum(min(count, found[word]) for word, count in wanted.items()) / total if total else None


def counted(codes: Counter[str]) -> str:
    return ", ".join(f"{code} {count}" if count > 1 else code for code, count in codes.items())


async def measure(parser: SandboxedParser, path: Path, root: Path) -> Row:
    started = time.perf_counter()
    folder = path.relative_to(root).parts[0]
    outcome, note, text, share, warned = "parsed", "", "", None, ""
    try:
        document = await parser.parse(path, path.name)
    except IngestionError as error:
        outcome, note = error.code, error.message
    else:
        text = document.text
        share = recall(text, root / "_expected" / f"{path.name}.md")
        if share is None and path.suffix == ".pdf":
            share = recall(text, root / "_expected" / f"{path.stem}.md")
        warned = counted(Counter(warning.code for warning in document.warnings))
    seconds = time.perf_counter() - started
    return Row(folder, path.name, outcome, note, seconds, parser.last_peak_bytes >> 20, len(text), share, warned)


def files_of(root: Path, only: str) -> list[Path]:
    found = (path for path in root.glob("*/*") if path.is_file() and path.parent.name not in _SKIPPED)
    return sorted(path for path in found if only in str(path))


async def run(root: Path, files: list[Path]) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        parser = SandboxedParser(folder=Path(folder), workers=1)
        await parser.start()
        rows = [await measure(parser, path, root) for path in files]
        await parser.close()
    return rows


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")[:160]


def totals(rows: list[Row]) -> list[str]:
    outcomes = Counter(row.outcome for row in rows)
    recalls = [row.recall for row in rows if row.recall is not None]
    lines = ["| outcome | files |", "|---|---:|"]
    lines += [f"| {outcome} | {count} |" for outcome, count in outcomes.most_common()]
    seconds = [row.seconds for row in rows]
    largest = max(row.peak_mib for row in rows)
    sums = f"{len(rows)} files, {sum(seconds):.0f} s in all, slowest {max(seconds):.1f} s, largest child {largest} MiB."
    lines += ["", sums]
    if recalls:
        mean = sum(recalls) / len(recalls)
        lines.append(f"Word recall against {len(recalls)} reference texts: mean {mean:.3f}, worst {min(recalls):.3f}.")
    return lines


def folders(rows: list[Row]) -> list[str]:
    lines = [
        "| folder | files | parsed | refused | seconds | most MiB | characters | word recall |",
        "|---|---:|---:|---|---:|---:|---:|---:|",
    ]
    for folder in sorted({row.folder for row in rows}):
        mine = [row for row in rows if row.folder == folder]
        parsed = [row for row in mine if row.outcome == "parsed"]
        refused = Counter(row.outcome for row in mine if row.outcome != "parsed")
        recalls = [row.recall for row in mine if row.recall is not None]
        lines.append(
            f"| {folder} | {len(mine)} | {len(parsed)} | {counted(refused)} "
            f"| {sum(row.seconds for row in mine):.1f} | {max(row.peak_mib for row in mine)} "
            f"| {sum(row.characters for row in mine):,} | {f'{sum(recalls) / len(recalls):.3f}' if recalls else ''} |"
        )
    return lines


def every_file(rows: list[Row]) -> list[str]:
    lines = [
        "| file | outcome | seconds | MiB | characters | recall | remarks |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        share = "" if row.recall is None else f"{row.recall:.2f}"
        lines.append(
            f"| {row.folder}/{cell(row.name)} | {row.outcome} | {row.seconds:.3f} | {row.peak_mib} "
            f"| {row.characters:,} | {share} | {cell(row.note or row.warnings)} |"
        )
    return lines


def page(rows: list[Row], conditions: str) -> str:
    parts = [
        f"# What becomes of {len(rows)} real and hostile files",
        "Generated by `python bench/files_table.py`; do not edit. " + conditions,
        "\n".join(totals(rows)),
        "## By folder",
        "\n".join(folders(rows)),
        "## Every file",
        "\n".join(every_file(rows)),
    ]
    return "\n\n".join(parts) + "\n"


def self_check() -> int:
    """One file that can be read and one that cannot, made here: both must stand in the table, each with its outcome."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = root / "made"
        folder.mkdir()
        (folder / "good.txt").write_text("Words that can be read.\n")
        (folder / "empty.txt").write_bytes(b"")
        rows = asyncio.run(run(root, files_of(root, "")))
    table = "\n".join([*totals(rows), *every_file(rows)])
    print(table)
    return int(len(rows) != 2 or "file_empty" not in table or "parsed" not in table)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("root", type=Path, nargs="?", default=Path("../shared/data/files"))
    arguments.add_argument("page", type=Path, nargs="?", default=None)
    arguments.add_argument("--only", default="", help="only files whose path contains this")
    arguments.add_argument("--self-check", action="store_true", help="two small files, made here")
    chosen = arguments.parse_args()
    if chosen.self_check:
        return self_check()
    rows = asyncio.run(run(chosen.root, files_of(chosen.root, chosen.only)))
    conditions = (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"kreuzberg {version('kreuzberg')}, one child process, OCR language eng."
    )
    if chosen.page:
        chosen.page.parent.mkdir(parents=True, exist_ok=True)
        chosen.page.write_text(page(rows, conditions))
    else:
        print("\n".join(every_file(rows)))
    print(conditions)
    print("\n".join([*totals(rows), "", *folders(rows)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
