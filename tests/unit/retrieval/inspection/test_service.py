from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete, select, update

from ragkeeper.core.clock import utc_now
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.retrieval.inspection.models import FindingKind, Inspection
from ragkeeper.retrieval.inspection.service import IndexInspector
from ragkeeper.retrieval.switching import Generation
from ragkeeper.retrieval.vectors import encode_vector
from ragkeeper.storage.sql.tables import chunk_vectors, chunks, index_outbox, versions
from ragkeeper.storage.vectors.errors import IndexClosed
from ragkeeper.storage.vectors.fake import FakeIndex
from ragkeeper.storage.vectors.port import VectorEntry, WordsEntry
from tests.wired import ADMIN, Wired, wired

TEXTS = {"a.md": "Pumps need maintenance.", "b.md": "Valves need inspections.", "c.md": "Motors need lubrication."}


def inspector(product: Wired) -> IndexInspector:
    return IndexInspector(
        product.database,
        product.generations,
        product.embedder,
        product.files,
        product.drain,
        product.outbox,
        product.reconciler,
        utc_now,
    )


async def filled(product: Wired) -> None:
    for name, text in TEXTS.items():
        await product.add(name, text)
    await product.settle()


def found(inspection: Inspection) -> dict[str, int]:
    return {finding.kind.value: finding.count for finding in inspection.findings}


async def first_chunk(product: Wired) -> tuple[int, str]:
    async with product.database.read() as sql:
        row = (await sql.execute(select(chunks.c.id, chunks.c.version_id).order_by(chunks.c.id))).first()
    assert row is not None
    return row[0], row[1]


async def test_an_index_that_holds_everything_has_no_findings(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        inspection = await inspector(product).inspect(deep=True)
    assert inspection.findings == ()
    wanted = {"chunks": 3, "words": 3, "vectors": 3, "stored_vectors": 3, "originals": 3, "compared": 3}
    assert dict(inspection.counts) == wanted


async def test_an_empty_index_has_none_either(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        assert (await inspector(product).inspect()).findings == ()


async def lose_words(product: Wired) -> None:
    await product.index.remove_versions([(await first_chunk(product))[1]])


async def lose_vectors(product: Wired) -> None:
    index = product.index
    assert isinstance(index, FakeIndex)
    index._vectors.pop((await first_chunk(product))[0])


async def add_a_stranger(product: Wired) -> None:
    await product.index.put_words([WordsEntry(900, "nobody", "no document", "none", "Pumps.")])


async def keep_an_old_version(product: Wired) -> None:
    _, version = await first_chunk(product)
    await product.add("a.md", "Pumps were replaced.")
    await product.settle()
    await product.index.put_words([WordsEntry(900, version, "d", "c", "Pumps.")])


async def turn_a_vector(product: Wired) -> None:
    wrong = np.zeros(product.embedder.dimension, np.float32)
    wrong[3] = 1
    await product.index.put_vectors([VectorEntry((await first_chunk(product))[0], wrong)])


async def store(product: Wired, vector: bytes) -> None:
    async with product.database.write() as sql:
        chunk = (await first_chunk(product))[0]
        await sql.execute(update(chunk_vectors).where(chunk_vectors.c.chunk_id == chunk).values(vector=vector))


async def store_not_a_number(product: Wired) -> None:
    await store(product, encode_vector(np.full(64, np.nan, np.float32)))


async def store_another_length(product: Wired) -> None:
    await store(product, encode_vector(np.ones(7, np.float32)))


async def forget_a_vector(product: Wired) -> None:
    async with product.database.write() as sql:
        chunk = (await first_chunk(product))[0]
        await sql.execute(delete(chunk_vectors).where(chunk_vectors.c.chunk_id == chunk))


FAULTS = {
    "missing_words": lose_words,
    "missing_vectors": lose_vectors,
    "orphans": add_a_stranger,
    "stale_versions": keep_an_old_version,
    "different": turn_a_vector,
    "unusable_vectors": store_not_a_number,
    "wrong_dimension": store_another_length,
    "not_embedded": forget_a_vector,
}


@pytest.mark.parametrize("kind", FAULTS)
async def test_each_fault_is_found_and_mended(tmp_path: Path, kind: str) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        await FAULTS[kind](product)
        looking = inspector(product)
        before = await looking.inspect()
        again = await looking.inspect()
        await looking.repair()
        await product.settle()
        after = await looking.inspect()
    assert found(before)[kind] == 1
    assert found(again) == found(before), "looking changes nothing"
    assert found(after) == {}


async def test_originals_that_are_gone_or_changed_are_found(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        async with product.database.read() as sql:
            hashes = list((await sql.execute(select(versions.c.sha256))).scalars())
        product.files.path(hashes[0]).unlink()
        changed = product.files.path(hashes[1])
        changed.chmod(0o644)
        changed.write_bytes(b"something else")
        looking = inspector(product)
        assert found(await looking.inspect()) == {"missing_originals": 1}
        deep = await looking.inspect(deep=True)
        assert found(deep) == {"missing_originals": 1, "changed_originals": 1}
        assert not any(finding.repairable for finding in deep.findings)
        assert found(await looking.repair()) == {"missing_originals": 1}


async def test_what_waits_for_the_index_is_no_finding(tmp_path: Path) -> None:
    """Not even where the index cannot be written now."""
    index = Unwritable(64)
    async with wired(tmp_path, index=index) as product:
        await filled(product)
        index.writable = False
        await product.add("d.md", "Compressors need cooling.")
        await product.parse()
        document = (await product.documents.find_all(ADMIN, collection=None, after=None, limit=1, status=None))[0]
        await product.deletions.delete(ADMIN, document.id)
        index.writable = True
        inspection = await inspector(product).inspect()
    assert inspection.findings == ()


async def test_an_index_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    index = Unreadable(64)
    async with wired(tmp_path, index=index) as product:
        await filled(product)
        index.broken = True
        inspection = await inspector(product).repair()
    assert found(inspection) == {"unusable_index": 1}
    assert "ragkeeper reindex" in inspection.findings[0].fix
    assert inspection.counts["stored_vectors"] == 3, "what SQL says is still looked at"


async def test_another_model_than_the_questions_is_a_finding(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        product.embedder.name = "other"
        kinds = found(await inspector(product).inspect())
    assert kinds["wrong_model"] == 1


async def test_the_newest_result_is_kept(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        looking = inspector(product)
        assert await looking.last() is None
        await add_a_stranger(product)
        await lose_words(product)
        inspection = await looking.inspect_and_keep()
        assert await looking.last() == (inspection.checked_at, 1, 1)
        assert inspection.count(FindingKind.ORPHANS) == 1


async def test_a_result_that_cannot_be_kept_is_given(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        await add_a_stranger(product)
        async with product.database.write() as sql:
            await sql.exec_driver_sql("PRAGMA query_only=1")
        inspection = await inspector(product).inspect_and_keep()
        assert inspection.count(FindingKind.ORPHANS) == 1
        assert await inspector(product).last() is None


async def test_so_many_ids_are_shown(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        await product.index.clear()
        async with product.database.write() as sql:
            await sql.execute(delete(index_outbox))
        [finding] = (await inspector(product).inspect(examples=2)).findings
    assert (finding.count, len(finding.examples)) == (3, 2)


async def test_chunks_that_only_their_words_tell_apart_are_no_finding(tmp_path: Path) -> None:
    """Many that say the same, and one of signs alone, before they have vectors."""
    sentence = "Pumps need regular maintenance in every installed machine hall. " * 14
    async with wired(tmp_path) as product:
        await product.add("same.md", "\n\n".join(["# Part\n\n" + sentence] * 16))
        await product.add("signs.md", "*** --- +++ !!!")
        await product.parse()
        inspection = await inspector(product).inspect()
    assert inspection.counts["chunks"] > 12
    assert inspection.findings == ()


async def test_an_index_that_gives_way_to_another_while_it_is_looked_at_is_no_finding(tmp_path: Path) -> None:
    first = GivingWay(64)
    async with wired(tmp_path, index=first) as product:
        await filled(product)
        second = FakeIndex(64)
        second._words, second._vectors = dict(first._words), dict(first._vectors)

        def give_way() -> None:
            product.generations.write_beside(Generation("second", "fake", second))
            product.generations.switch()
            product.generations.write_beside(None)

        first.give_way = give_way
        inspection = await inspector(product).inspect()
    assert inspection.findings == ()
    assert dict(inspection.counts)["words"] == 3


class Broken(RagkeeperError):
    """It broke."""


class Unreadable(FakeIndex):
    broken = False

    async def chunk_ids(self, after, limit):
        if self.broken:
            raise Broken
        return await super().chunk_ids(after, limit)


class Unwritable(FakeIndex):
    writable = True

    async def put_words(self, entries):
        if not self.writable:
            raise Broken
        await super().put_words(entries)


class GivingWay(FakeIndex):
    """Another serves and this one is closed, as soon as somebody looks at it."""

    give_way = None

    async def chunk_ids(self, after, limit):
        if self.give_way:
            self.give_way()
            raise IndexClosed(path="first")
        return await super().chunk_ids(after, limit)
