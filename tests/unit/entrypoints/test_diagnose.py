from typing import Any

import pytest

from ragkeeper.entrypoints.diagnose import LocalInstallation
from ragkeeper.entrypoints.local import Place

COVER = "Internal use only. Do not copy. Property of the Silver Bell Company, all rights reserved by law."
HEART = "Bells are rung in fog by hand, once a minute, until the fog has lifted from the harbour and the ships are in."


class Asked(LocalInstallation):
    """Answers from a table, and remembers what was searched."""

    searched = ""
    chunks: tuple[str, ...] = (f"{COVER} {HEART} {COVER}",)
    hits: tuple[tuple[str, str], ...] = ()

    def _get(self, path: str, **query: object) -> Any:
        if path == "/api/v1/documents":
            return {"items": [{"id": "wanted"}]}
        if path.endswith("/chunks"):
            return {"items": [{"text": one} for one in self.chunks]}
        if path == "/health":
            return {}
        Asked.searched = str(query["query"])
        found = [{"document_id": document, "text": text} for document, text in self.hits]
        return {"results": found, "timings_ms": {"total": 2.0, "embed": 1.0}}


@pytest.fixture
def installation() -> Asked:
    return Asked(Place())


def test_what_is_searched_is_no_line_that_many_documents_begin_with(installation: Asked) -> None:
    installation.answer()
    words = installation.searched.split()[:-1]  # the last is new each time
    assert len(words) == 12
    assert " ".join(words) in HEART


def test_it_is_a_passage_from_the_middle(installation: Asked) -> None:
    installation.chunks = (COVER, HEART, COVER)
    installation.answer()
    assert " ".join(installation.searched.split()[:-1]) in HEART


@pytest.mark.parametrize(
    ("hits", "known"),
    [
        ((), False),
        ((("other", "Of something else."),), False),
        ((("other", "Of something else."), ("wanted", "Any passage of it.")), True),
        ((("other", f"Another edition.\n\n{HEART}"),), True),
    ],
)
def test_any_passage_with_the_very_words_is_an_answer(
    installation: Asked, hits: tuple[tuple[str, str], ...], known: bool
) -> None:
    installation.hits = hits
    assert installation.answer().known_answer is known
