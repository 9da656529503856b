"""Budgets: what one person can hold in the head. An exception stands in `LARGE` with its reason."""

import statistics
from pathlib import Path

from tests.architecture.source import Function, body_lines, depth, sources
from tests.machine import ROOT

FUNCTION_LIMIT = 60
FUNCTION_95TH = 45
FUNCTION_MEDIAN = 10
FILE_LIMIT = 600
NESTING_LIMIT = 3
# Path of a file or `path:function` over its limit, and why it may be.
LARGE: dict[str, str] = {}
FOLDERS = ("src", "bench", "scripts", "tests")


def test_no_function_is_over_the_limit():
    assert _long_functions(ROOT) == []


def test_most_functions_are_short():
    lengths = sorted(body_lines(function) for source in sources(ROOT, "src") for function in source.functions)
    assert statistics.median(lengths) <= FUNCTION_MEDIAN
    assert lengths[int(len(lengths) * 0.95)] <= FUNCTION_95TH


def test_no_file_is_over_the_limit():
    assert _long_files(ROOT) == []


def test_no_function_is_deeply_nested():
    assert _deep_functions(ROOT) == []


def test_exceptions_still_exist():
    """An entry of `LARGE` that no longer needs to be there is taken out."""
    over = {*_long_functions(ROOT, {}), *_long_files(ROOT, {})}
    assert {name for name in LARGE if name not in over} == set()


def test_the_limits_can_fail(tmp_path: Path):
    path = tmp_path / "src/ragkeeper/a.py"
    path.parent.mkdir(parents=True)
    flat = "def flat():\n" + '    """One.\n    """\n' + "    x = 1\n" * FUNCTION_LIMIT
    nested = "def deep():\n    if 1:\n     for x in []:\n      while 1:\n       if x:\n        pass\n"
    path.write_text(flat + nested, encoding="utf-8")
    assert _long_functions(tmp_path) == ["src/ragkeeper/a.py:flat"]
    assert _deep_functions(tmp_path) == ["src/ragkeeper/a.py:deep"]
    assert _long_files(tmp_path) == []
    path.write_text("x = 1\n" * (FILE_LIMIT + 1), encoding="utf-8")
    assert _long_files(tmp_path) == ["src/ragkeeper/a.py"]


def _long_functions(root: Path, allowed: dict[str, str] = LARGE) -> list[str]:
    over = [name for name, function in _functions(root) if body_lines(function) > FUNCTION_LIMIT]
    return [name for name in over if name not in allowed]


def _long_files(root: Path, allowed: dict[str, str] = LARGE) -> list[str]:
    found = sources(root, *FOLDERS)
    return [str(one.path) for one in found if len(one.lines) > FILE_LIMIT and str(one.path) not in allowed]


def _deep_functions(root: Path) -> list[str]:
    return [name for name, function in _functions(root) if depth(function) > NESTING_LIMIT]


def _functions(root: Path) -> list[tuple[str, Function]]:
    """Name and function; migrations are written once and read from top to bottom, so they do not count."""
    found = [one for one in sources(root, *FOLDERS) if "versions" not in one.path.parts]
    return [(f"{one.path}:{function.name}", function) for one in found for function in one.functions]
