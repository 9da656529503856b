"""What holds for the repository as a whole: its words, its licences, how much of it has a test at the same path."""

import hashlib
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.architecture.rules import source_named_by
from tests.architecture.source import sources
from tests.machine import ROOT

# Share of source files with a unit test at the same path. It only ever rises.
MIRRORED_FLOOR = 0.55
# Files without decisions of their own: protocols, plain data, messages, fakes (contract suites prove those), wiring and
# migrations are tested through their users.
WITHOUT_UNIT_TEST = {
    "__init__.py",
    "env.py",
    "errors.py",
    "fake.py",
    "models.py",
    "port.py",
    "ports.py",
    "schemas.py",
    "tables.py",
}

# Names of the machines this was written on mean nothing to a reader. They stand here as digests of their lower-case
# form, so that this file does not spread them; a word with a hyphen is looked up by its beginning too.
PRIVATE_WORDS = {"4ea91362a1443499", "c65d5aa5a1a5cb03"}
HOME = re.compile(r"(?<![\w.:/-])/(?:work|root|home/[a-z]+|Users/[A-Za-z]+)/[\w.]")


def test_no_file_names_the_machine_it_was_written_on():
    found = [f"{path}:{number}" for path, number, line in _lines() if _is_private(line)]
    assert found == []


def test_the_check_for_private_names_can_fail():
    assert _is_private("see /" + "work/main/x")
    assert _is_private("run " + "farm" + "-any")
    assert not _is_private("see ../shared/data and https://example.org/work/x")


def test_source_files_have_a_test_at_the_same_path():
    share, missing = _mirrored()
    assert share >= MIRRORED_FLOOR, f"{share:.0%} have one; without: {missing}"


def test_notices_stand_beside_the_licence():
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "ragkeeper" in (ROOT / "NOTICE").read_text(encoding="utf-8")


def _mirrored() -> tuple[float, list[str]]:
    tested = {source_named_by(ROOT, test.path) for test in sources(ROOT, "tests/unit")}
    wanted = [
        source
        for source in sources(ROOT, "src")
        if source.path.name not in WITHOUT_UNIT_TEST
        if not {"entrypoints", "migrations"} & set(source.path.parts)
    ]
    missing = [str(source.path) for source in wanted if ROOT / source.path not in tested]
    return 1 - len(missing) / max(len(wanted), 1), missing


def _is_private(line: str) -> bool:
    words = re.findall(r"[a-z.][a-z-]+", line.lower())
    beginnings = [word[: word.index("-") + 1] for word in words if "-" in word]
    return bool(HOME.search(line)) or any(_digest(word) in PRIVATE_WORDS for word in [*words, *beginnings])


@cache
def _digest(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()[:16]


def _lines() -> Iterator[tuple[Path, int, str]]:
    for path in _tracked():
        try:
            lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
        except (UnicodeDecodeError, OSError):
            continue
        yield from ((path, number, line) for number, line in enumerate(lines, start=1))


def _tracked() -> list[Path]:
    """What git keeps; data and lock files are not prose."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    return [Path(name) for name in listed if name and not name.endswith((".lock", ".json", ".onnx"))]
