import asyncio
from pathlib import Path

import pytest
from sqlalchemy import literal, select

from ragkeeper.core.access import Forbidden, Right
from ragkeeper.documents import repository
from ragkeeper.documents.errors import (
    CollectionExists,
    CollectionUnknown,
    DocumentNotReadable,
    DocumentUnknown,
    NothingToRetry,
    OriginalsForeign,
)
from ragkeeper.documents.models import VersionStatus
from ragkeeper.documents.service import NewContent
from ragkeeper.ingestion.models import Accepted
from ragkeeper.ingestion.service import Upload
from ragkeeper.retrieval.models import SearchMode, SearchRequest
from ragkeeper.storage.sql.prepared import Query
from tests.wired import ADMIN, Wired, once, user, wired


async def test_the_same_content_is_stored_once(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        first = await product.add("a.md", "Same words.")
        again = await product.add("a.md", "Same words.")
        copy = await product.add("copy.md", "Same words.")
        assert (first.duplicate, again.duplicate, copy.duplicate) == (False, True, True)
        assert {first.id, again.id, copy.id} == {first.id}


async def test_a_changed_file_is_a_new_version_and_the_old_one_is_not_found(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        first = await product.add("a.md", "The office is in Hamburg.")
        await product.settle()
        second = await product.add("a.md", "The office is in Bremen.")
        assert (second.id, second.version != first.version) == (first.id, True)
        assert [hit.text for hit in (await product.search("office")).hits] == ["The office is in Hamburg."]
        await product.settle()
        assert [hit.text for hit in (await product.search("office")).hits] == ["The office is in Bremen."]
        assert (await product.index.count()).points == 1


async def test_a_version_that_fails_leaves_the_one_before_in_place(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("a.md", "The office is in Hamburg.")
        await product.settle()
        await product.add("a.md", "   ")
        await product.settle()
        document = await product.documents.get(ADMIN, added.id)
        assert document.version.status is VersionStatus.FAILED
        assert document.version.problem is not None
        assert document.version.problem.code == "no_text"
        assert await product.found("office") == ["a.md"]


async def test_a_name_goes_back_to_earlier_content_as_a_new_version(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await product.add("a.md", "First words.")
        await product.add("a.md", "Second words.")
        back = await product.add("a.md", "First words.")
        assert not back.duplicate
        assert (await product.documents.get(ADMIN, back.id)).version.number == 3


async def test_what_is_read_beside_the_collections_sees_no_more_of_them(tmp_path: Path) -> None:
    beside = Query(select(literal("beside").label("word"), literal(7).label("number")))
    async with wired(tmp_path) as product:
        documents = product.documents
        for name in ("open", "closed"):
            await documents.create_collection(ADMIN, name)
        async with product.database.write() as sql:
            [granted] = [one.id for one in await documents.collections(ADMIN) if one.name == "open"]
            await repository.grant(sql, granted, "reader", Right.READ)
        for caller in (ADMIN, user("reader")):
            for name in (None, "open"):
                ids = await documents.collection_ids(caller, name)
                assert await documents.collection_ids_and(caller, name, beside) == (ids, ("beside", 7))
        assert await documents.collection_ids(user("reader"), None) == {granted}
        assert await documents.collection_ids_and(user("nobody"), None, beside) == (frozenset(), None)
        for name in ("closed", "none"):
            with pytest.raises(CollectionUnknown):
                await documents.collection_ids_and(user("reader"), name, beside)


async def test_deletion_is_true_at_once_and_says_what_it_removed(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("a.md", "The office is in Hamburg.")
        await product.settle()
        receipt = await product.deletions.delete(ADMIN, added.id)
        assert (receipt.versions, receipt.chunks, receipt.originals_removed, receipt.deleted_by) == (1, 1, 1, "local")
        assert await product.found("office") == []
        assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []
        with pytest.raises(DocumentUnknown):
            await product.documents.get(ADMIN, added.id)
        await product.drain.drain_all()
        assert (await product.index.count()).points == 0


async def test_an_original_that_another_document_uses_stays(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await product.documents.create_collection(ADMIN, "second")
        first = await product.add("a.md", "Shared words.")
        other = await product.add("a.md", "Shared words.", "second")
        receipt = await product.deletions.delete(ADMIN, first.id)
        assert receipt.originals_removed == 0
        await product.settle()
        assert await product.found("shared words") == ["a.md"]
        assert (await product.deletions.delete(ADMIN, other.id)).originals_removed == 1


async def test_reading_is_not_writing(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        [default] = await product.documents.collections(ADMIN)
        added = await product.add("a.md", "Words.")
        async with product.database.write() as sql:
            await repository.grant(sql, default.id, "reader", Right.READ)
        reader = user("reader")
        assert (await product.documents.get(reader, added.id)).name == "a.md"
        with pytest.raises(Forbidden):
            await product.deletions.delete(reader, added.id)
        with pytest.raises(CollectionUnknown):
            await product.add("b.md", "More.", caller=reader)
        with pytest.raises(DocumentUnknown):
            await product.documents.get(user("stranger"), added.id)


async def test_collections_have_one_name_each(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        with pytest.raises(CollectionExists):
            await product.documents.create_collection(ADMIN, "default")
        with pytest.raises(Forbidden):
            await product.documents.create_collection(user("eve"), "mine")


async def test_pages_by_key_skip_and_repeat_nothing(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = [(await product.add(f"{n}.md", f"Text {n}.")).id for n in range(7)]
        seen: list[str] = []
        after = None
        while page := await product.documents.find_all(ADMIN, collection=None, after=after, limit=3, status=None):
            seen += [document.id for document in page]
            after = seen[-1]
        assert seen == sorted(added, reverse=True)


async def test_only_failed_versions_are_retried(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("a.md", "  ")
        with pytest.raises(NothingToRetry):
            await product.documents.retry(ADMIN, added.id)
        await product.settle()
        retried = await product.documents.retry(ADMIN, added.id)
        assert (retried.version.status, retried.version.problem) == (VersionStatus.ACCEPTED, None)


async def test_text_is_refused_until_there_is_some(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("a.md", "Words.")
        with pytest.raises(DocumentNotReadable, match="accepted"):
            await product.documents.text(ADMIN, added.id)


async def test_uploads_at_the_same_moment_see_each_other(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        same = [product.add(f"{n}.md", "One content.") for n in range(5)]
        versions = [product.add("v.md", f"Content number {n}.") for n in range(5)]
        results = await asyncio.gather(*same, *versions)
        assert len({one.id for one in results[:5]}) == 1
        assert [one.duplicate for one in results[:5]].count(False) == 1
        assert len({one.id for one in results[5:]}) == 1
        assert len({one.version for one in results[5:]}) == 5
        await product.settle()
        [first] = [f"{n}.md" for n in range(5) if not results[n].duplicate]
        assert sorted(await product.found("content")) == sorted({first, "v.md"})
        document = await product.documents.get(ADMIN, results[5].id)
        assert document.version.number == 5


async def test_content_whose_last_document_is_deleted_while_it_comes_in_again_is_kept(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        first = await product.add("a.md", "Same words.")
        async with product.files.receive(once(b"Same words.")) as received:
            await product.files.keep([received])
            await product.deletions.delete(ADMIN, first.id)
            assert not product.files.path(received.sha256).exists()
            collection = await product.documents.writable_collection(ADMIN, "default")
            new = NewContent("b.md", "default", None, {})
            registered = await product.documents.register(ADMIN, collection, received, new)
        await product.settle()
        document = await product.documents.get(ADMIN, registered.document.id)
        assert document.version.status is VersionStatus.READY
        assert product.files.path(received.sha256).read_bytes() == b"Same words."


async def test_originals_that_nothing_names_are_removed(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await product.add("a.md", "Named.")
        async with product.files.receive(once(b"Left by a crash.")) as received:
            await product.files.keep([received])
        assert await product.deletions.remove_unused_originals() == 1
        assert await product.deletions.remove_unused_originals() == 0
        await product.settle()
        assert await product.found("named") == ["a.md"]


async def send(product: Wired, text: str, *, title: str | None = None, **metadata: str) -> Accepted:
    return await product.ingestion.accept(ADMIN, Upload("a.md", title=title, metadata=metadata), once(text.encode()))


async def test_the_title_of_a_later_upload_counts(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await send(product, "# Own heading\n\nSame words.")
        await product.settle()
        assert [hit.title for hit in (await product.search("words")).hits] == ["Own heading"]
        renamed = await send(product, "# Own heading\n\nSame words.", title="Pump manual")
        await product.settle()
        assert not renamed.duplicate
        assert await product.found("manual", mode=SearchMode.LEXICAL) == ["a.md"]
        assert (await send(product, "# Own heading\n\nSame words.", title="Pump manual")).duplicate
        assert (await send(product, "# Own heading\n\nSame words.")).duplicate
        await send(product, "# New heading\n\nOther words.")
        await product.settle()
        assert [hit.title for hit in (await product.search("words")).hits] == ["New heading"]


async def test_metadata_sent_again_replaces_what_searches_filter_by(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await send(product, "Same words.", team="pumps")
        await product.settle()
        again = await send(product, "Same words.", team="valves")
        await send(product, "Same words.")
        await product.drain.drain_all()
        assert again.duplicate
        for team, found in (("pumps", []), ("valves", ["a.md"])):
            result = await product.retrieval.search(ADMIN, SearchRequest("words", metadata={"team": team}))
            assert [hit.name for hit in result.hits] == found
        assert (await product.index.count()).with_vectors == 1


async def test_originals_are_not_removed_because_the_database_is_another_one(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        for number in range(3):
            await product.add(f"{number}.md", f"Text {number}.")
    (tmp_path / "ragkeeper.db").rename(tmp_path / "aside.db")
    async with wired(tmp_path) as product:
        with pytest.raises(OriginalsForeign):
            await product.deletions.remove_unused_originals()
        assert len([name async for names in product.files.stored() for name in names]) == 3


async def test_what_somebody_adds_is_no_copy_of_what_a_source_has_brought(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        brought = Upload("wiki/a.md", metadata={"source": "wiki"}, bulk=True, distinct=True)
        first = await product.ingestion.accept(ADMIN, brought, once(b"The same words."))
        own = await product.add("mine.md", "The same words.")
        assert not own.duplicate
        await product.deletions.delete(ADMIN, first.id)
        await product.settle()
        assert await product.found("words") == ["mine.md"]
