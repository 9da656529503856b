"""The wheel works when it is installed elsewhere: everything it needs at run time is inside."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.acceptance.server import run_program
from tests.machine import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
    ]
    done = subprocess.run([*build, str(ROOT)], env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_code_model_and_licences(wheel: Path):
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if name.endswith(".onnx")]
    assert [name for name in names if name.endswith("minilm/LICENSE")]
    assert {Path(name).name for name in names if ".dist-info/licenses/" in name} >= {"LICENSE", "NOTICE"}
    assert "ragkeeper/py.typed" in names
    assert [name for name in names if name.startswith(("tests/", "bench/", "scripts/"))] == []


def test_the_wheel_runs_away_from_the_source(wheel: Path, tmp_path: Path):
    """Unpacked as pip would, before the source tree on the path: the data folder is made, schema and key included."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    program = "import sys, ragkeeper.entrypoints.cli as cli; assert 'site' in cli.__file__; sys.exit(cli.main())"
    environment = {"PYTHONPATH": str(site), "RAG_DATA_DIR": str(tmp_path / "data")}
    done = run_program([sys.executable, "-c", program, "init"], tmp_path, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "data/ragkeeper.db").exists()
    assert (tmp_path / "data/secrets/api_key").read_text(encoding="utf-8").strip()
