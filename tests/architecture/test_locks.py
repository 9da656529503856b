"""What the lock files promise: every package pinned and hashed, no address, everything that pyproject.toml asks for."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.machine import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-build.lock")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = PROJECT["dependency-groups"]
WANTED = {
    "requirements.lock": PROJECT["project"]["dependencies"],
    "requirements-dev.lock": [*PROJECT["project"]["dependencies"], *GROUPS["dev"], *GROUPS["build"]],
    "requirements-build.lock": GROUPS["build"],
}


def entries(text: str) -> list[tuple[Requirement, list[str]]]:
    """Each requirement of a lock with its hashes."""
    blocks = re.split(r"\n(?=\S)", text.strip())
    return [
        (Requirement(block.split("\\", 1)[0].strip()), re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
        for block in blocks
        if not block.startswith("#")
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_and_hashed(lock: str):
    found = entries((ROOT / lock).read_text(encoding="utf-8"))
    assert [
        str(one) for one, hashes in found if not re.fullmatch(r"==[\w.+!]+", str(one.specifier)) or not hashes
    ] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_names_no_address(lock: str):
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"^.*(?:://|file:|--index|--extra-index|--find-links| @ ).*$", text, re.MULTILINE) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_serves_what_the_project_asks_for(lock: str):
    pins: dict[str, list[str]] = {}
    for one, _ in entries((ROOT / lock).read_text(encoding="utf-8")):
        pins.setdefault(canonicalize_name(one.name), []).append(str(one.specifier).removeprefix("=="))
    for text in WANTED[lock]:
        wanted = Requirement(text)
        versions = pins.get(canonicalize_name(wanted.name), [])
        assert versions, f"{wanted.name} is missing from {lock}: run `make lock`"
        assert all(wanted.specifier.contains(version) for version in versions), f"{text} against {versions}"


def test_no_torch_comes_with_an_installation():
    assert "torch" not in {one.name for one, _ in entries((ROOT / "requirements.lock").read_text(encoding="utf-8"))}
