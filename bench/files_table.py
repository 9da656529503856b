"""Sends a folder of real and hostile files to a real server and writes what became of each.

    python -m bench.files_table ../shared/data/files docs/reference/files.md

Every file is a row, also the reference texts in `_expected` (NAME.md), which are Markdown documents themselves. Where
one belongs to a file, word recall is printed: the share of its words that were found. Seconds run from the upload until
the words can be searched for; MiB is what the confined child that read the file held at most.
"""

import argparse
import hashlib
import os
import platform
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.server import Server, serving
from ragkeeper.cli.client import Client
from ragkeeper.cli.errors import CommandFailed

_WORD = re.compile(r"[^\W_]{2,}")
_MARKUP = re.compile(r"<!--.*?-->|</?\w+[^>]*>|\]\([^)]*\)", re.DOTALL)
_SETTINGS = {"RAG_PARSER_WORKERS": "1", "RAG_LOG_LEVEL": "warning"}
_LONGEST = 900.0
_PAUSE = 0.02
_SETTLED = frozenset({"searchable", "ready", "failed"})


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
    sha256: str


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


class Watch:
    """Memory of the server's parser child: what the kernel noted, or the most seen when the child is gone."""

    def __init__(self, server: int) -> None:
        self._server = server
        self._first: int | None = None
        self._seen = 0
        self._noted = 0

    def look(self) -> None:
        child = next(self._children(), None)
        if child is None:
            return
        self._first = self._first or child
        memory = _memory(child)
        self._seen = max(self._seen, memory.get("VmRSS", 0))
        self._noted = memory.get("VmHWM", 0) if child == self._first else self._noted

    @property
    def mib(self) -> int:
        """The note counts for the file read last only, so it is right once the file has been read."""
        same = next(self._children(), None) == self._first
        return (self._noted if same else self._seen) >> 10

    def _children(self) -> Iterator[int]:
        for tasks in Path(f"/proc/{self._server}/task").glob("*/children"):
            yield from map(int, tasks.read_text().split())


def _memory(process: int) -> dict[str, int]:
    """KiB by name; nothing for a process that has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return {}
    fields = (line.split() for line in lines if line.startswith(("VmHWM:", "VmRSS:")))
    return {name.rstrip(":"): int(size) for name, size, _ in fields}


def measure(server: Server, client: Client, path: Path, root: Path) -> Row:
    folder = path.relative_to(root).parts[0]
    watch = Watch(server.process.pid)
    started = time.perf_counter()
    document = send(client, path, f"{folder}/{path.name}", watch)
    seconds = time.perf_counter() - started
    version, problem = document.get("version") or {}, document.get("problem")
    text = client.get(f"/api/v1/documents/{document['id']}/content")["text"] if not problem else ""
    return Row(
        folder=folder,
        name=path.name,
        outcome=problem["code"] if problem else "parsed",
        note=problem["message"] if problem else "",
        seconds=seconds,
        peak_mib=watch.mib,
        characters=len(text),
        recall=None if problem else recall(text, reference(path, root)),
        warnings=counted(Counter(warning["code"] for warning in version.get("warnings", ()))),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def send(client: Client, path: Path, name: str, watch: Watch) -> dict[str, Any]:
    """The document as the server shows it once its words can be found, with the key `problem` when it failed."""
    try:
        with path.open("rb") as content:
            accepted = client.upload("/api/v1/documents", path.name, content, {"name": name})
    except CommandFailed as error:
        return {"problem": {"code": error.code, "message": error.message}}
    address, end = f"/api/v1/documents/{accepted['id']}", time.monotonic() + _LONGEST
    while (document := client.get(address))["version"]["status"] not in _SETTLED:
        if time.monotonic() > end:
            raise SystemExit(f"{name} was not read within {_LONGEST:.0f} s: the server hangs")
        watch.look()
        time.sleep(_PAUSE)
    watch.look()
    return {**document, "problem": document["version"]["error"]}


def reference(path: Path, root: Path) -> Path:
    exact = root / "_expected" / f"{path.name}.md"
    return exact if exact.is_file() or path.suffix != ".pdf" else root / "_expected" / f"{path.stem}.md"


def files_of(root: Path, only: str) -> list[Path]:
    """Every file that the folder's manifest lists; every file where there is no manifest."""
    manifest = root / "MANIFEST.tsv"
    if manifest.is_file():
        rows = [line.split("\t") for line in manifest.read_text(encoding="utf-8").splitlines()[1:]]
        found = [root / row[0] / row[1] for row in rows]
    else:
        found = [path for path in root.glob("*/*") if path.is_file()]
    return sorted(path for path in found if only in str(path))


def run(root: Path, files: list[Path]) -> list[Row]:
    """Raises SystemExit when the server is not the same process at the end."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), _SETTINGS) as server, server.client() as client:
        rows = [measure(server, client, path, root) for path in files]
        if server.process.poll() is not None:
            raise SystemExit(f"the server ended:\n{server.log.read_text(errors='replace')[-2000:]}")
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
    same = Counter(row.sha256 for row in rows)
    names = {row.sha256: f"{row.folder}/{row.name}" for row in reversed(rows)}
    for row in rows:
        share = "" if row.recall is None else f"{row.recall:.2f}"
        first = names[row.sha256]
        twin = f"same content as {first}" if same[row.sha256] > 1 and first != f"{row.folder}/{row.name}" else ""
        remarks = "; ".join(part for part in (row.note or row.warnings, twin) if part)
        lines.append(
            f"| {row.folder}/{cell(row.name)} | {row.outcome} | {row.seconds:.2f} | {row.peak_mib} "
            f"| {row.characters:,} | {share} | {cell(remarks)} |"
        )
    return lines


def page(rows: list[Row], conditions: str) -> str:
    parts = [
        f"# What becomes of {len(rows)} real and hostile files",
        "Generated by `python -m bench.files_table`; do not edit. " + conditions,
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
        rows = run(root, files_of(root, ""))
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
    rows = run(chosen.root, files_of(chosen.root, chosen.only))
    conditions = (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"kreuzberg {version('kreuzberg')}, one server process with one parser, OCR language eng."
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
