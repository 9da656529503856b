"""Searches given again: exactly what a search would find now, or nothing."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragkeeper.core.access import Right
from ragkeeper.core.tracing import Trace, traced
from ragkeeper.documents import repository as document_rows
from ragkeeper.providers.embedding.errors import EmbedderUnavailable
from ragkeeper.retrieval.models import Scope, SearchMode, SearchRequest, SearchResult
from ragkeeper.retrieval.search_cache import SearchCache
from ragkeeper.retrieval.service import RetrievalService
from ragkeeper.retrieval.transforms.port import Plan
from ragkeeper.storage.cache.memory import MemoryCache
from ragkeeper.storage.cache.port import CacheKind, CacheTally
from tests.wired import ADMIN, OPTIONS, Wired, user, wired

QUESTION = SearchRequest("When is the bell rung?")


@pytest.fixture
async def product(tmp_path: Path) -> AsyncIterator[Wired]:
    async with wired(tmp_path) as made:
        await made.add("bell.txt", "The bell is rung on foggy nights.")
        await made.settle()
        yield made


def caching(product: Wired, store: MemoryCache | None = None, **options: Any) -> RetrievalService:
    cache = SearchCache(store or MemoryCache(1_000_000), CacheTally(), "settings", 3600)
    return RetrievalService(
        product.database, product.generations, product.embedder, product.documents, OPTIONS, cache=cache, **options
    )


def again(result: SearchResult) -> bool:
    return result.cached_seconds is not None


async def test_an_equal_search_gives_equal_hits(product: Wired):
    retrieval = caching(product)
    first = await retrieval.search(ADMIN, QUESTION)
    second = await retrieval.search(ADMIN, replace(QUESTION, query="  When is the bell rung? "))
    assert (again(first), again(second)) == (False, True)
    assert second.hits == first.hits == (await product.retrieval.search(ADMIN, QUESTION)).hits
    assert second.queries == first.queries
    assert second.timings_ms.keys() == {"total"}


async def test_a_search_given_again_has_its_stage_in_a_trace(product: Wired):
    retrieval = caching(product)
    traces = [Trace("the first"), Trace("the second")]
    for trace in traces:
        with traced(trace):
            await retrieval.search(ADMIN, QUESTION)
    assert [span.name for span in traces[1].spans] == ["recall"]
    assert [span.name for span in traces[0].spans][:1] == ["recall"]
    assert len(traces[0].spans) > 1


async def test_each_change_of_a_document_is_seen_at_once(product: Wired):
    retrieval = caching(product)

    async def agree() -> list[str]:
        fresh = await product.retrieval.search(ADMIN, QUESTION)
        for _ in range(3):
            assert (await retrieval.search(ADMIN, QUESTION)).hits == fresh.hits
        return [hit.text for hit in fresh.hits]

    await agree()
    added = await product.add("horn.txt", "The horn is blown when the bell is broken.")
    await agree()
    await product.parse()
    await agree()
    await product.settle()
    assert len(await agree()) == 2
    await product.add("horn.txt", "The horn was sold. There is a bell.")
    await product.settle()
    assert "The horn was sold. There is a bell." in await agree()
    await product.deletions.delete(ADMIN, added.id)
    assert len(await agree()) == 1
    await product.drain.drain_all()
    await agree()


async def test_nothing_is_kept_while_the_index_lacks_a_change(product: Wired):
    retrieval = caching(product)
    await product.add("horn.txt", "The horn is blown when the bell is broken.")
    await product.parse()
    assert await retrieval.scope(ADMIN, None) is None
    assert not any([again(await retrieval.search(ADMIN, QUESTION)) for _ in range(3)])
    await product.settle()
    assert [again(await retrieval.search(ADMIN, QUESTION)) for _ in range(2)] == [False, True]


async def test_callers_share_results_exactly_if_they_read_the_same(product: Wired):
    retrieval = caching(product)
    await product.documents.create_collection(ADMIN, "secret")
    await product.add("secret.txt", "The secret bell is rung at noon.", "secret")
    await product.settle()
    ids = {one.name: one.id for one in await product.documents.collections(ADMIN)}
    async with product.database.write() as sql:
        for name in ("anna", "otto"):
            await document_rows.grant(sql, ids["default"], name, Right.READ)
        await document_rows.grant(sql, ids["secret"], "anna", Right.READ)
    anna, otto = user("anna"), user("otto")
    assert {hit.name for hit in (await retrieval.search(anna, QUESTION)).hits} == {"bell.txt", "secret.txt"}
    assert again(await retrieval.search(ADMIN, QUESTION))
    first, second = [await retrieval.search(otto, QUESTION) for _ in range(2)]
    assert [hit.name for hit in first.hits] == [hit.name for hit in second.hits] == ["bell.txt"]
    assert (again(first), again(second)) == (False, True)


async def test_every_part_of_a_request_counts(product: Wired):
    cache = SearchCache(MemoryCache(1_000_000), CacheTally(), "settings", 3600)
    other = SearchCache(MemoryCache(1_000_000), CacheTally(), "other settings", 3600)
    scope = Scope(frozenset({"a", "b"}), "v1", "g1")
    requests = [
        QUESTION,
        replace(QUESTION, query="when is the bell rung?"),
        replace(QUESTION, top_k=3),
        replace(QUESTION, mode=SearchMode.DENSE),
        replace(QUESTION, metadata={"a": 1}),
        replace(QUESTION, metadata={"a": True}),
        replace(QUESTION, metadata={"a": 1.0}),
        replace(QUESTION, metadata={"a": "1"}),
        replace(QUESTION, history=("What is a bell?",)),
    ]
    scopes = [replace(scope, collection_ids=frozenset({"a"})), replace(scope, version="v2")]
    keys = [cache.key(scope, request) for request in requests]
    keys += [cache.key(one, QUESTION) for one in [*scopes, replace(scope, generation="g2")]]
    assert len({*keys, other.key(scope, QUESTION)}) == len(keys) + 1
    assert cache.key(replace(scope, collection_ids=frozenset({"b", "a"})), QUESTION) == keys[0]


async def test_a_result_with_something_left_out_is_not_kept(product: Wired):
    retrieval = caching(product)
    product.embedder.fails = EmbedderUnavailable(name="fake", reason="away")
    assert (await retrieval.search(ADMIN, QUESTION)).notes
    product.embedder.fails = None
    assert not again(await retrieval.search(ADMIN, QUESTION))
    product.generations.incomplete = True
    assert not again(await retrieval.search(ADMIN, QUESTION))


async def test_a_result_is_not_kept_when_searches_were_held_to_less_meanwhile(product: Wired):
    """A question that is rewritten by rule then, and not by the model, leaves no note."""
    held: list[bool] = []

    class Meanwhile:
        name = "meanwhile"

        async def apply(self, plan: Plan, _history: Sequence[str]) -> Plan:
            held.append(True)
            return plan

    retrieval = caching(product, transforms=[Meanwhile()], restrained=lambda: bool(held))
    await retrieval.search(ADMIN, QUESTION)
    held.clear()
    assert not again(await retrieval.search(ADMIN, QUESTION))


async def test_a_deletion_at_the_last_moment_leaves_nothing_behind(product: Wired):
    """It empties the cache just before the result gets there."""
    [hit] = (await product.retrieval.search(ADMIN, QUESTION)).hits

    class Late(MemoryCache):
        async def set(self, *entry: Any) -> None:
            await product.deletions.delete(ADMIN, hit.document_id)
            await self.clear(CacheKind.SEARCH)
            await super().set(*entry)

    store = Late(1_000_000)
    await caching(product, store).search(ADMIN, QUESTION)
    assert (await store.usage())[CacheKind.SEARCH].entries == 0


async def test_what_somebody_else_wrote_is_no_result(product: Wired):
    store = MemoryCache(1_000_000)
    cache = SearchCache(store, CacheTally(), "settings", 3600)
    for text in (b"", b"{}", b"\xff", b'{"hits": 3}'):
        await store.set(CacheKind.SEARCH, "a", text, 60)
        assert await cache.find("a") is None
