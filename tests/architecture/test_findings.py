"""What the doctor may say: codes that are not used twice, commands that exist, and a test that plants each."""

import re
import shlex
from functools import cache

import pytest

from ragkeeper.core.checks import Kind
from scripts.findings_page import findings
from tests.architecture.test_docs import _unknown_commands
from tests.machine import ROOT

KINDS = findings()
CODE = re.compile(r"[a-z][a-z_]+")


def commands(kind: Kind) -> list[str]:
    """Each `ragkeeper …` of its fix, without the words around it."""
    parts = re.split(r"[;(,`#]|: | && ", kind.fix)
    return [part.strip() for part in parts if part.strip().startswith("ragkeeper ")]


def test_there_are_many_and_each_says_what_to_do() -> None:
    assert len(KINDS) >= 50
    assert all(CODE.fullmatch(kind.code) and kind.consequence and kind.fix for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_what_is_to_be_typed_exists(kind: Kind) -> None:
    assert _unknown_commands("\n".join(f"`{command}`" for command in commands(kind))) == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.fix[0].islower()], ids=lambda kind: kind.code)
def test_what_begins_as_a_command_is_one_for_a_shell(kind: Kind) -> None:
    """Words about it stand in a comment, and commands are joined by what a shell joins them with."""
    lexer = shlex.shlex(re.sub(r"\{\w+\}", "x", kind.fix), posix=True, punctuation_chars=True)
    assert [token for token in lexer if set(token) <= set("();")] == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_each_is_planted_by_a_test(kind: Kind) -> None:
    assert f'"{kind.code}"' in _planting()


@cache
def _planting() -> str:
    """All tests that plant something."""
    files = [*(ROOT / "tests/acceptance").rglob("*.py"), *(ROOT / "tests/unit").rglob("test_*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)
