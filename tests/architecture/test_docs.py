"""Generated pages equal what the code says; links between pages lead somewhere."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from ragkeeper.entrypoints.cli import command_tree
from ragkeeper.entrypoints.local import Place
from scripts.docs import PAGES, REFERENCE, page_text
from tests.machine import ROOT

GENERATED = {REFERENCE / name for name in PAGES}
WRITTEN = [path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")] if path not in GENERATED]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_equals_the_code(name: str):
    assert (REFERENCE / name).read_text(encoding="utf-8") == page_text(name), "run `make docs`"


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    assert _broken_links(page.read_text(encoding="utf-8"), page.parent) == []


def test_a_broken_link_is_found(tmp_path: Path):
    (tmp_path / "there.md").touch()
    text = "[a](there.md#part) [b](missing.md) [c](https://example.org) [d](#here)"
    assert _broken_links(text, tmp_path) == ["missing.md"]


def test_every_page_is_found_from_the_first():
    assert _unreachable(ROOT / "docs") == []


def test_a_page_that_nothing_links_to_is_found(tmp_path: Path):
    (tmp_path / "index.md").write_text("[a](howto/a.md) [out](../README.md)", encoding="utf-8")
    (tmp_path / "howto").mkdir()
    (tmp_path / "howto/a.md").write_text("[b](b.md#part)", encoding="utf-8")
    (tmp_path / "howto/b.md").write_text("[a](a.md)", encoding="utf-8")
    (tmp_path / "howto/c.md").write_text("[a](a.md)", encoding="utf-8")
    assert _unreachable(tmp_path) == ["howto/c.md"]


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_and_their_options_exist(page: Path):
    assert _unknown_commands(page.read_text(encoding="utf-8")) == []


def test_an_unknown_command_is_found():
    text = "`ragkeeper jobs why ID`, `ragkeeper jobs dance`, `ragkeeper dance`, `ragkeeper ask --loud x`"
    assert _unknown_commands(text) == ["jobs dance", "dance", "ask --loud"]
    assert _unknown_commands("`ragkeeper degrade --auto`, `ragkeeper degrade --loud`") == ["degrade --loud"]


def _unknown_commands(text: str) -> list[str]:
    """Of each `ragkeeper …` in code: the command, or its option, that the command line does not know."""
    code = [*re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL), *re.findall(r"`[^`\n]+`", text)]
    typed = [line for part in code for line in re.findall(r"(?:^|`|/)ragkeeper ([^`\n]+)", part, re.MULTILINE)]
    return [unknown for line in typed if (unknown := _unknown(line.split()))]


@cache
def _commands() -> Any:
    """Of the whole command line; it takes longer to build than to ask for all that the pages name."""
    return typer.main.get_command(command_tree(Place()))


def _unknown(words: list[str]) -> str:
    command = _commands()
    path: list[str] = []
    if words[0] == "--data-dir":
        words = words[2:]
    while (below := getattr(command, "commands", None)) and words and not words[0].startswith(("…", "-")):
        path.append(words.pop(0))
        if path[-1] not in below:
            return " ".join(path)
        command = below[path[-1]]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
    given = [word.split("=")[0] for word in words if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", word)]
    return next((" ".join([*path, option]) for option in given if option not in known), "")


def _unreachable(folder: Path) -> list[str]:
    """The pages of a folder that no chain of links leads to from its `index.md`; the chain stays in the folder."""
    pages = set(folder.rglob("*.md"))
    reached, waiting = set[Path](), [folder / "index.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        linked = {(page.parent / target).resolve() for target in _targets(page.read_text(encoding="utf-8"))}
        waiting += (linked & pages) - reached
    return sorted(str(page.relative_to(folder)) for page in pages - reached)


def _broken_links(text: str, folder: Path) -> list[str]:
    return [target for target in _targets(text) if not (folder / target).exists()]


def _targets(text: str) -> list[str]:
    """Where a page's links lead in the repository, as it writes them."""
    targets = re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text)
    return [target for target in targets if "://" not in target]
