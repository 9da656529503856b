from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ragkeeper.documents.models import Priority, VersionStatus
from ragkeeper.ingestion.parsers.fake import FakeParser
from ragkeeper.ingestion.parsers.port import ParsedDocument
from ragkeeper.ingestion.service import Upload
from ragkeeper.providers.embedding.errors import EmbedderUnavailable
from ragkeeper.providers.embedding.fake import FakeEmbedder
from tests.wired import ADMIN, Wired, once, wired


async def status(product: Wired, document_id: str) -> VersionStatus:
    return (await product.documents.get(ADMIN, document_id)).version.status


async def test_each_step_moves_a_version_on(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("a.md", "Words to find.")
        seen = [await status(product, added.id)]
        for step in (product.parse, product.drain.drain_all, product.embed, product.drain.drain_all):
            await step()
            seen.append(await status(product, added.id))
        expected = ["accepted", "indexing", "searchable", "searchable", "ready"]
        assert [one.value for one in seen] == expected


async def test_what_was_being_parsed_when_the_server_died_is_parsed_again(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("a.md", "Words to find.")
        await product.claim(10)
    async with wired(tmp_path) as product:
        await product.recover()
        await product.settle()
        assert await status(product, added.id) is VersionStatus.READY


async def test_a_file_that_kills_the_server_each_time_is_given_up(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("poison.md", "Words.")
        other = await product.add("fine.md", "Other words.")
        assert len(await product.claim(10)) == 2
        await product.recover()
        for _ in range(2):
            assert [version.id for version in await product.claim(10)] == [added.version]
            await product.recover()
        await product.settle()
        document = await product.documents.get(ADMIN, added.id)
        assert document.version.problem is not None
        assert document.version.problem.code == "reading_abandoned"
        assert await status(product, other.id) is VersionStatus.READY


async def test_a_crash_is_logged_with_ids_and_without_a_name(tmp_path: Path) -> None:
    class Crashing(FakeParser):
        async def parse(self, path: Path, filename: str) -> ParsedDocument:
            raise ZeroDivisionError

    async with wired(tmp_path, parser=Crashing()) as product:
        with capture_logs() as logs:
            added = await product.add("dismissal of A. Smith.md", "Words.")
            await product.parse()
        [told] = [one for one in logs if one["event"] == "version_crashed"]
        assert (told["version"], told["document"]) == (added.version, added.id)
        assert "Smith" not in str(logs)


async def test_an_embedder_that_is_away_delays_vectors_only(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("a.md", "Words to find.")
        await product.parse()
        await product.drain.drain_all()
        product.embedder.fails = EmbedderUnavailable(name="fake", reason="away")
        with pytest.raises(EmbedderUnavailable):
            await product.embed()
        assert await status(product, added.id) is VersionStatus.SEARCHABLE
        product.embedder.fails = None
        await product.settle()
        assert await status(product, added.id) is VersionStatus.READY


async def test_nothing_is_embedded_twice(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        for number in range(5):
            await product.add(f"{number}.md", f"Text number {number}.")
        await product.settle()
        await product.settle()
        await product.reconciler.rebuild()
        assert len(product.embedder.embedded) == 5
        assert (await product.index.count()).with_vectors == 5


async def test_a_document_deleted_while_it_is_parsed_leaves_nothing(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("a.md", "Words to find.")
        [claimed] = await product.claim(1)
        parsed = await product.pipeline.parse(claimed)
        await product.deletions.delete(ADMIN, added.id)
        await product.pipeline.save([(claimed, parsed)])
        await product.settle()
        assert (await product.index.count()).points == 0


async def test_an_older_version_that_is_parsed_later_does_not_replace_the_newer(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await product.add("a.md", "The old words.")
        [old] = await product.claim(1)
        late = await product.pipeline.parse(old)
        await product.add("a.md", "The new words.")
        await product.settle()
        await product.pipeline.save([(old, late)])
        await product.settle()
        assert [hit.text for hit in (await product.search("words")).hits] == ["The new words."]
        assert not any((await product.pipeline.backlog()).values())


async def test_two_versions_saved_together_leave_nothing_unfinished(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await product.add("a.md", "The old words.")
        await product.add("a.md", "The new words.")
        await product.settle()
        assert not any((await product.pipeline.backlog()).values())
        await product.add("a.md", "The newest words.")
        await product.parse()
        await product.add("a.md", "The very newest words.")
        await product.settle()
        assert not any((await product.pipeline.backlog()).values())
        assert [hit.text for hit in (await product.search("words")).hits] == ["The very newest words."]


async def test_a_text_that_the_model_refuses_costs_its_neighbours_nothing(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        product.embedder.refuses = "cursed"
        added = [await product.add(f"{n}.md", f"Fine text {n}." if n != 4 else "A cursed text.") for n in range(9)]
        await product.settle()
        assert {await status(product, one.id) for one in added} == {VersionStatus.READY}
        assert (await product.index.count()).with_vectors == 8
        assert (await product.found("cursed"))[0] == "4.md"
        version = (await product.documents.get(ADMIN, added[4].id)).version
        assert [warning["code"] for warning in version.warnings] == ["chunk_not_embedded"]
        assert (await product.reconciler.compare()).closed


async def test_chunks_cut_for_a_model_that_reads_more_are_embedded_in_windows(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("a.md", "words to find " * 40)
        await product.parse()
    async with wired(tmp_path, embedder=FakeEmbedder(max_tokens=20)) as product:
        await product.settle()
        assert await status(product, added.id) is VersionStatus.READY
        counts = await product.index.count()
        assert counts.with_vectors == counts.points > 0


async def test_another_model_embeds_everything_again(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await product.recover()
        added = [await product.add(f"{n}.md", f"Text {n}.") for n in range(3)]
        await product.settle()
    async with wired(tmp_path, embedder=FakeEmbedder(dimension=32, name="other")) as product:
        await product.recover()
        assert await status(product, added[0].id) is VersionStatus.SEARCHABLE
        await product.reconciler.rebuild()
        await product.settle()
        assert {await status(product, one.id) for one in added} == {VersionStatus.READY}
        assert (await product.index.count()).with_vectors == 3
        product.embedder.embedded.clear()
        await product.recover()
        await product.settle()
        assert product.embedder.embedded == []


async def test_what_somebody_waits_for_goes_before_what_is_one_of_many(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        for name, bulk in (("1.md", True), ("2.md", True), ("3.md", False)):
            await product.ingestion.accept(ADMIN, Upload(name, bulk=bulk), once(name.encode()))
        claimed = await product.pipeline.claim("w", Priority.BULK, 2)
        assert [version.name for version in claimed] == ["3.md", "1.md"]
        assert await product.pipeline.claim("w", Priority.PERSON, 2) == []


async def test_what_was_claimed_and_not_read_is_no_attempt(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("a.md", "Words.")
        for _ in range(6):
            await product.pipeline.release(await product.claim(10))
        await product.settle()
        assert await status(product, added.id) is VersionStatus.READY
