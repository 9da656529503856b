from pathlib import Path

import pytest

from ragkeeper.core.access import Right
from ragkeeper.documents import repository
from ragkeeper.providers.embedding.errors import EmbedderUnavailable
from ragkeeper.retrieval.errors import QueryEmpty, QueryTooLong
from ragkeeper.retrieval.models import SearchMode, SearchRequest
from tests.wired import ADMIN, user, wired


async def test_words_are_found_before_vectors_and_both_after(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await product.add("leave.md", "Parental leave lasts twelve weeks.")
        await product.parse()
        await product.drain.drain_all()
        [hit] = (await product.search("parental leave")).hits
        assert (hit.scores.dense, hit.name) == (None, "leave.md")
        await product.settle()
        [hit] = (await product.search("parental leave")).hits
        assert hit.scores.dense is not None
        assert hit.text == "Parental leave lasts twelve weeks."[hit.start : hit.end]


async def test_nobody_finds_what_they_may_not_read(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        secret = await product.documents.create_collection(ADMIN, "secret")
        await product.add("plan.md", "The merger is called Bluebird.", "secret")
        await product.settle()
        assert await product.found("Bluebird merger", user("eve")) == []
        async with product.database.write() as sql:
            await repository.grant(sql, secret.id, "eve", Right.READ)
        assert await product.found("Bluebird merger", user("eve")) == ["plan.md"]


async def test_a_hit_that_the_truth_does_not_confirm_is_not_shown(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        gone = await product.add("a.md", "The quarterly figures are final.")
        await product.add("b.md", "The quarterly figures are preliminary.")
        await product.settle()
        await product.deletions.delete(ADMIN, gone.id)
        assert (await product.index.count()).points == 2  # the index has not heard of it yet
        assert await product.found("quarterly figures") == ["b.md"]


async def test_without_its_embedder_a_search_goes_by_words_and_says_so(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await product.add("a.md", "Invoices are paid within thirty days.")
        await product.settle()
        product.embedder.fails = EmbedderUnavailable(name="fake", reason="away")
        result = await product.search("invoices paid")
        assert [hit.name for hit in result.hits] == ["a.md"]
        assert "by words alone" in result.notes[0]


@pytest.mark.parametrize("mode", list(SearchMode))
async def test_every_mode_finds(tmp_path: Path, mode: SearchMode) -> None:
    async with wired(tmp_path) as product:
        await product.add("a.md", "Invoices are paid within thirty days.")
        await product.settle()
        assert await product.found("invoices paid", mode=mode) == ["a.md"]


async def test_metadata_narrows(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await product.add("a.md", "Invoices are paid.")
        await product.settle()
        request = SearchRequest("invoices", metadata={"year": 2024})
        assert (await product.retrieval.search(ADMIN, request)).hits == ()


async def test_questions_have_bounds(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        with pytest.raises(QueryEmpty):
            await product.search(" \n ")
        with pytest.raises(QueryTooLong, match="1001 characters"):
            await product.search("x" * 1001)


async def test_neighbours_are_shown_as_one_exact_span(tmp_path: Path) -> None:
    text = "\n\n".join(f"Paragraph {n} on the warranty of pumps. " + "It says a little more. " * 30 for n in range(4))
    async with wired(tmp_path) as product:
        added = await product.add("warranty.md", text)
        await product.settle()
        _, stored = await product.documents.text(ADMIN, added.id)
        hits = (await product.search("warranty of pumps")).hits
        assert any(len(hit.chunk_ids) > 1 for hit in hits)
        assert all(hit.text == stored[hit.start : hit.end] for hit in hits)
