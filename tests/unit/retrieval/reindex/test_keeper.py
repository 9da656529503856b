"""What happens beside a new index while it is made, and two requests at the same moment."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from ragkeeper.ingestion.service import Upload
from ragkeeper.jobs.port import DurableState
from ragkeeper.providers.embedding.fake import FakeEmbedder
from ragkeeper.retrieval.models import SearchRequest
from ragkeeper.retrieval.reindex import repository
from ragkeeper.retrieval.reindex.errors import NothingKept, ReindexRunning, ReindexSpaceLow
from ragkeeper.retrieval.reindex.folder import made_at
from ragkeeper.retrieval.reindex.models import Gate
from ragkeeper.storage.vectors.errors import IndexFailed
from tests.unit.retrieval.reindex.test_service import OTHER, Bench, bench
from tests.wired import ADMIN, once


async def test_of_two_requests_at_once_one_begins(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        results = await asyncio.gather(*(one.reindex.begin(ADMIN) for _ in range(3)), return_exceptions=True)
        begun = [result for result in results if isinstance(result, str)]
        assert len(begun) == 1
        assert all(isinstance(result, str | ReindexRunning) for result in results)
        assert (await one.ended(begun[0])).state is DurableState.DONE


async def test_of_two_undoings_at_once_both_are_done_one_after_the_other(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        job = await one.run(OTHER, Gate(force=True))
        await asyncio.gather(one.reindex.roll_back(ADMIN), one.reindex.roll_back(ADMIN))
        assert one.product.generations.serving.name == job.result["generation"]
        assert one.embedder.name == one.product.generations.serving.model == OTHER
        results = await asyncio.gather(one.reindex.finish(ADMIN), one.reindex.roll_back(ADMIN), return_exceptions=True)
        assert results[0] is None
        assert isinstance(results[1], NothingKept)


async def test_an_estimate_for_one_model_does_not_lend_itself_to_the_job_of_another(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        asked = asyncio.Event()
        release = asyncio.Event()

        class Slow(FakeEmbedder):
            async def embed_documents(self, texts):
                asked.set()
                await release.wait()
                return await super().embed_documents(texts)

        usual = one.reindex.keeper._open_embedder

        async def open_embedder(name: str) -> FakeEmbedder:
            if name == "openai:slow":
                return Slow(16, max_tokens=100, name=name)
            return await usual(name)

        one.reindex.keeper._open_embedder = open_embedder
        estimating = asyncio.create_task(one.reindex.estimate(ADMIN, "openai:slow"))
        await asked.wait()
        job = await one.run(OTHER, Gate(force=True))
        release.set()
        assert (await estimating).model == "openai:slow"
        assert (job.state, job.result["model"]) == (DurableState.DONE, OTHER)
        assert one.embedder.name == OTHER


async def test_an_estimate_meanwhile_is_about_the_model_that_is_asked_for(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        estimates = []

        async def estimate() -> None:
            estimates.append(await one.reindex.estimate(ADMIN, "openai:third"))

        one.builder.before_end = estimate
        job = await one.run(OTHER, Gate(force=True))
        assert estimates[0].model == "openai:third"
        assert job.result["model"] == OTHER


async def described(one: Bench, name: str, text: str, **metadata: str) -> None:
    """The same content again, described anew."""
    upload = replace(Upload(name=name, collection="default"), metadata=metadata)
    await one.product.ingestion.accept(ADMIN, upload, once(text.encode()))
    await one.product.settle()


async def found_by(one: Bench, **metadata: str) -> list[str]:
    request = replace(SearchRequest("pump"), metadata=metadata)
    return [hit.name for hit in (await one.product.retrieval.search(ADMIN, request)).hits]


async def test_a_description_that_changes_meanwhile_is_in_the_new_index(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        one.builder.before_end = lambda: described(one, "0.md", "Pump number0 needs care.", place="hall")
        assert (await one.run()).state is DurableState.DONE
        assert await found_by(one, place="hall") == ["0.md"]


async def test_a_description_that_changed_since_is_in_the_index_of_an_undo(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        await one.run()
        await described(one, "0.md", "Pump number0 needs care.", place="hall")
        assert await found_by(one, place="hall") == ["0.md"]
        await one.reindex.roll_back(ADMIN)
        assert await found_by(one, place="hall") == ["0.md"]


async def test_room_is_asked_for_by_the_size_of_the_new_models_vectors(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:

        async def open_embedder(name: str) -> FakeEmbedder:
            return FakeEmbedder(10**12, max_tokens=100, name=name)

        one.reindex.keeper._open_embedder = open_embedder
        job = await one.run(OTHER, Gate(force=True))
        assert (job.state, job.code) == (DurableState.FAILED, ReindexSpaceLow.code)


async def test_finishing_that_breaks_off_does_not_embed_again_what_it_removed(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        await one.run(OTHER, Gate(force=True))

        class Stopped(Exception):
            """The process ends here."""

        async def stop(_model: str) -> None:
            raise Stopped

        forget = one.reindex.keeper._forget_vectors
        one.reindex.keeper._forget_vectors = stop
        with pytest.raises(Stopped):
            await one.reindex.finish(ADMIN)
        choice = await one.choice()
        assert choice is not None
        assert choice.other is None
        assert one.disk.folder.pointer().previous is None
        one.reindex.keeper._forget_vectors = forget
        await one.reindex.finish(ADMIN)
        async with one.product.database.read() as sql:
            assert await repository.foreign_models(sql, OTHER) == []


async def test_what_is_being_embedded_while_it_finishes_is_not_kept(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        await one.run(OTHER, Gate(force=True))
        await one.product.add("new.md", "A compressor needs cooling.")
        await one.product.settle()
        asked, release = asyncio.Event(), asyncio.Event()
        kept = one.embedder.beside
        assert isinstance(kept, FakeEmbedder)
        embed = kept.embed_documents

        async def slow(texts):
            vectors = await embed(texts)
            asked.set()
            await release.wait()
            return vectors

        kept.embed_documents = slow
        following = asyncio.create_task(one.reindex.follow_up())
        await asked.wait()
        await one.reindex.finish(ADMIN)
        release.set()
        assert not await following
        async with one.product.database.read() as sql:
            assert await repository.foreign_models(sql, OTHER) == []


async def test_an_index_whose_name_tells_no_time_is_described_anew_as_a_whole(tmp_path: Path) -> None:
    async with bench(tmp_path) as one, one.product.database.read() as sql:
        changed = await repository.changed_since(sql, made_at("first"))
        assert len(changed) == 5


@pytest.mark.parametrize("choice", [None, OTHER])
async def test_documents_that_never_stop_coming_do_not_keep_a_new_index_from_serving(
    tmp_path: Path, choice: str | None
) -> None:
    async with bench(tmp_path) as one:
        drain_all, number = one.product.drain.drain_all, 0

        async def drained_and_more() -> None:
            nonlocal number
            await drain_all()
            number += 1
            await one.product.add(f"more{number}.md", f"Compressor number{number} needs cooling.")
            await one.product.parse()
            await one.product.embed()

        one.product.drain.drain_all = drained_and_more
        job = await one.run(choice, Gate(force=True))
        one.product.drain.drain_all = drain_all
        assert job.state is DurableState.DONE, job
        await one.product.settle()
        assert await one.is_whole()
        assert f"more{number}.md" in await one.product.found(f"number{number}")


async def test_what_the_index_that_serves_on_missed_is_made_up_for(tmp_path: Path) -> None:
    """It fails for a moment while it is being replaced, and then the other one is not whole."""
    async with bench(tmp_path) as one:
        first = one.product.generations.serving.index
        put_words = first.put_words

        async def broken(entries):
            if one.product.generations.beside is not None:
                raise IndexFailed(reason="a moment's trouble")
            await put_words(entries)

        async def forgets(entries) -> None:
            """Nothing is kept."""

        async def trouble() -> None:
            first.put_words = broken
            building = next(index for name, index in one.disk.indexes.items() if not name.endswith("first"))
            building.put_words = forgets
            await one.product.add("new.md", "A compressor needs cooling.")
            await one.product.parse()

        one.builder.before_end = trouble
        assert (await one.run()).code == "reindex_incomplete"
        await one.product.settle()
        assert "new.md" in await one.product.found("compressor")
        assert await one.is_whole()
