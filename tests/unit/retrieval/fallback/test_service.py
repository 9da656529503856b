"""Searches without an index, over a real SQLite file."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update

from ragkeeper.documents.models import Scalar
from ragkeeper.retrieval.fallback.repository import chunks_with
from ragkeeper.retrieval.fallback.rules import terms
from ragkeeper.retrieval.fallback.service import FallbackSearch
from ragkeeper.retrieval.models import SearchMode, SearchRequest
from ragkeeper.storage.sql.tables import documents
from ragkeeper.storage.vectors.errors import IndexFailed
from ragkeeper.storage.vectors.fake import FakeIndex
from ragkeeper.storage.vectors.port import Candidate, IndexFilter, IndexQuery
from tests.wired import ADMIN, Wired, user, wired


class FailingIndex(FakeIndex):
    """Fails while `away`; hangs while `silent`."""

    away = silent = False

    async def search(self, query: IndexQuery) -> list[Candidate]:
        if self.silent:
            await asyncio.sleep(60)
        if self.away:
            raise IndexFailed(reason="somebody pulled the plug")
        return await super().search(query)


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Wired]:
    async with wired(tmp_path, index=FailingIndex(64)) as product:
        await product.add("leave.md", "Parental leave lasts twelve weeks. Ask the people team.")
        await product.add("pumps.md", "The pump P-7 is serviced every 400 hours. Its seal costs 35 euros.")
        await product.add("100%.md", "A discount of 100% is never given.")
        await product.settle()
        yield product


def break_index(product: Wired) -> FailingIndex:
    assert isinstance(product.index, FailingIndex)
    product.index.away = True
    return product.index


@pytest.mark.parametrize("mode", list(SearchMode))
async def test_words_are_found_in_sql_in_every_mode(product: Wired, mode: SearchMode):
    break_index(product)
    result = await product.search("parental leave in weeks", mode=mode)
    assert (result.mode, result.hits[0].name) == ("sql", "leave.md")
    assert [note for note in result.notes if "searched by words in the database" in note]
    assert "plug" not in str(result.notes)


async def test_the_index_answers_again_when_it_is_back(product: Wired):
    index = break_index(product)
    for _ in range(2):
        assert (await product.search("leave")).mode == "sql"
    index.away = False
    for _ in range(3):
        assert product.retrieval.index_trouble
        assert (await product.search("leave")).mode == "hybrid"
    assert product.retrieval.index_trouble is None


async def test_an_idle_server_finds_out_that_it_is_back(product: Wired):
    index = break_index(product)
    await product.search("leave")
    index.away = False
    for _ in range(3):
        await product.retrieval.try_index()
    assert product.retrieval.index_trouble is None


async def test_nobody_sees_what_they_may_not(product: Wired):
    break_index(product)
    assert (await product.search("leave", caller=user("stranger"))).hits == ()


async def test_deleted_documents_and_old_versions_are_not_found(product: Wired):
    break_index(product)
    await product.add("leave.md", "Parental leave lasts fourteen weeks.")
    await product.parse()
    [hit] = (await product.search("parental leave weeks")).hits
    assert "fourteen" in hit.text
    await product.deletions.delete(ADMIN, hit.document_id)
    assert (await product.search("parental")).hits == ()


async def test_signs_in_a_question_are_no_patterns(product: Wired):
    break_index(product)
    assert (await product.search("_____ %%%%%")).hits == ()
    assert [hit.name for hit in (await product.search("100%")).hits] == ["100%.md"]


async def test_metadata_conditions_hold(product: Wired):
    break_index(product)
    found = await product.retrieval.search(ADMIN, SearchRequest("leave", metadata={"year": 2026}))
    assert found.hits == ()


@pytest.mark.parametrize("name", ["year", "größe", 'a "field" of \\ $.it[0]'])
@pytest.mark.parametrize("value", ["größer \\", 2026, 2.5, True, False, 2**53 + 1])
async def test_metadata_conditions_hold_before_the_best_are_chosen(product: Wired, name: str, value: Scalar):
    collections = await product.documents.collection_ids(ADMIN, None)
    accepted = [await product.add(f"{number}.md", f"The seal is worn {number}. The seal.") for number in range(3)]
    async with product.database.write() as sql:
        for one, kept in zip(accepted, [None, {name: "y"}, {name: value}], strict=True):
            if kept:
                await sql.execute(update(documents).where(documents.c.id == one.id).values(metadata=kept))
    await product.parse()
    where = IndexFilter(collections, metadata={name: value})
    async with product.database.read() as sql:
        found = await chunks_with(sql, terms("the seal is worn"), where, 1)
    assert [text for _, text in found] == ["The seal is worn 2. The seal."]


async def test_an_index_that_says_nothing_is_away_too(product: Wired):
    assert isinstance(product.index, FailingIndex)
    product.index.silent = True
    search = FallbackSearch(product.index, product.database, seconds=0.05)
    collections = await product.documents.collection_ids(ADMIN, None)
    found = await search.search(IndexQuery("leave", None, IndexFilter(collections), 10), "leave")
    assert found.in_sql
    assert len(found.candidates) == 1
    assert search.trouble
    assert search.trouble.code == "index_silent"
