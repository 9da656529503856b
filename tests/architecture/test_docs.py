"""Generated pages equal what the code says; links between pages lead somewhere."""

import re
from pathlib import Path

import pytest

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


def _broken_links(text: str, folder: Path) -> list[str]:
    targets = re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text)
    return [target for target in targets if "://" not in target and not (folder / target).exists()]
