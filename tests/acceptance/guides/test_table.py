"""The table and the tests tell the same story: a row is proven exactly when a test of its id exists."""

import ast
import re

from scripts.guides import GUIDES, read_rows
from tests.architecture.source import Function, sources
from tests.machine import ROOT

ROWS = read_rows()
TOTAL = 400


def _tests() -> dict[str, str]:
    """Row id by test name, for every test named after a row that is not marked as not passing yet."""
    functions = [one for source in sources(ROOT, "tests/acceptance/guides") for one in source.functions]
    found = [(one.name, re.match(r"test_(g\d)_(\d{3})_", one.name)) for one in functions if not _is_pending(one)]
    return {name: f"{match[1].upper()}-{match[2]}" for name, match in found if match}


def _benchmarks() -> dict[str, str]:
    """Row id by command, for every benchmark that says which row its figure is for."""
    programs = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "bench").glob("*.py")}
    found = [(name, re.search(r"Guide row (G\d-\d{3})", text)) for name, text in programs.items()]
    return {f"python -m bench.{name}": match[1] for name, match in found if match}


def _is_pending(function: Function) -> bool:
    return any(ast.unparse(decorator).startswith("not_yet(") for decorator in function.decorator_list)


def test_every_promise_has_its_row():
    assert len(ROWS) == TOTAL
    assert len({row.id for row in ROWS}) == TOTAL
    assert [row.id for row in ROWS if row.id[:2] not in GUIDES or not row.what or not row.interface] == []


def test_proven_rows_have_their_test():
    proofs = _tests() | _benchmarks()
    assert [row.id for row in ROWS if row.state == "proven" and proofs.get(row.test) != row.id] == []


def test_tests_have_their_proven_row():
    proven = {row.test for row in ROWS if row.state == "proven"}
    assert [name for name in _tests() if name not in proven] == []
