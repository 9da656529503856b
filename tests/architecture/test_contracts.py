"""The import contracts of pyproject.toml hold, and each is able to fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.machine import ROOT

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

# Contract id, the file that breaks it, its text.
BREACHES = [
    ("folders", "core/breach.py", "import ragkeeper.documents"),
    ("folders", "utils/__init__.py", ""),
    ("folders", "quality/breach.py", "import ragkeeper.operations"),
    ("roles", "quality/errors.py", "import ragkeeper.quality.service"),
    ("quality", "quality/reports/__init__.py", "import ragkeeper.quality.learned"),
    ("faces", "http/breach.py", "import ragkeeper.storage"),
    ("console", "console/breach.py", "import ragkeeper.providers"),
    ("operations", "operations/breach.py", "import ragkeeper.documents"),
]


def test_contracts_are_kept():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("contract", "file", "text"), BREACHES)
def test_the_contract_can_fail(contract: str, file: str, text: str, tmp_path: Path):
    _house(tmp_path)
    _write(tmp_path / "src/ragkeeper" / file, text)
    done = lint_imports(tmp_path, contract)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 broken" in done.stdout


def test_an_empty_house_breaks_nothing(tmp_path: Path):
    _house(tmp_path)
    done = lint_imports(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def lint_imports(root: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    """Run the contracts over `root/src`; without names, all of them."""
    chosen = [part for name in contracts for part in ("--contract", name)]
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache", "--no-logo", *chosen],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root / "src")},
        capture_output=True,
        text=True,
        check=False,
    )


def _house(root: Path) -> None:
    """A tree with the same folders and contracts, and nothing in them but the modules that a breach names."""
    source = ROOT / "src/ragkeeper"
    for init in [source / "__init__.py", *source.glob("*/__init__.py")]:
        _write(root / "src/ragkeeper" / init.relative_to(source), "")
    for name in ("quality/service.py", "quality/reports/__init__.py", "quality/learned/__init__.py"):
        _write(root / "src/ragkeeper" / name, "")
    shutil.copy(ROOT / "pyproject.toml", root)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
