from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from ragkeeper.core.access import Forbidden, Right
from ragkeeper.core.clock import utc_now
from ragkeeper.documents import repository
from ragkeeper.documents.deletions import DeletionService
from ragkeeper.documents.errors import DeletionUnknown, DocumentUnknown, NothingSelected
from ragkeeper.documents.models import Selection, VersionStatus
from ragkeeper.ingestion.service import Upload
from tests.wired import ADMIN, Wired, once, user, wired


async def delete(product: Wired, selection: Selection):
    return await product.deletions.carry_out(ADMIN, await product.deletions.plan(ADMIN, selection))


async def names(product: Wired) -> list[str]:
    found = await product.documents.find_all(ADMIN, collection=None, after=None, limit=100, status=None)
    return sorted(document.name for document in found)


@pytest.mark.parametrize("selection", [Selection(), Selection(name_prefix=""), Selection(ids=("a",), collection="b")])
async def test_a_selection_of_nothing_or_of_two_kinds_deletes_nothing(tmp_path: Path, selection: Selection) -> None:
    async with wired(tmp_path) as product:
        await product.add("a.md", "Words.")
        with pytest.raises(NothingSelected):
            await delete(product, selection)
        assert await names(product) == ["a.md"]


async def test_each_condition_selects_and_all_must_apply(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await product.documents.create_collection(ADMIN, "old")
        for name, collection in (("2019/a.md", "old"), ("2019/b.md", "default"), ("2020_c.md", "old")):
            await product.add(name, f"Words of {name}.", collection)
        tagged = Upload("tagged.md", metadata={"team": "pumps", "year": 2020, "final": True})
        await product.ingestion.accept(ADMIN, tagged, once(b"Tagged words."))
        await product.settle()
        await product.add("bad.md", " ")
        await product.parse()

        async def selected(**conditions) -> list[str]:
            plan = await product.deletions.plan(ADMIN, Selection(**conditions))
            return sorted(document.name for document in plan.documents)

        assert await selected(collection="old") == ["2019/a.md", "2020_c.md"]
        assert await selected(name_prefix="2019/") == ["2019/a.md", "2019/b.md"]
        assert await selected(name_prefix="2020%") == []
        assert await selected(name_prefix="TAGGED") == []
        assert await selected(collection="old", name_prefix="2019/") == ["2019/a.md"]
        assert await selected(status=VersionStatus.FAILED) == ["bad.md"]
        assert await selected(metadata={"team": "pumps", "year": 2020}) == ["tagged.md"]
        assert await selected(metadata={"final": 1}) == []
        assert await selected(added_before=utc_now() - timedelta(hours=1)) == []
        assert len(await selected(added_before=utc_now() + timedelta(hours=1))) == 5


async def test_many_go_at_once_and_the_receipt_names_each(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        kept = await product.add("kept.md", "Words that stay.")
        gone = [await product.add(f"old/{n}.md", f"Words number {n}.") for n in range(5)]
        await product.settle()
        receipt = await delete(product, Selection(name_prefix="old/"))
        assert await product.found("words") == ["kept.md"]
        assert {one.document_id for one in receipt.sample} == {one.id for one in gone}
        assert (receipt.documents, receipt.versions, receipt.chunks, receipt.originals_removed) == (5, 5, 5, 5)
        members = await product.deletions.members(ADMIN, receipt.id, after=receipt.sample[1].document_id, limit=2)
        assert members == list(receipt.sample[2:4])
        await product.drain.drain_all()
        assert (await product.index.count()).points == 1
        assert await product.deletions.receipt(ADMIN, receipt.id) == receipt
        assert await product.deletions.receipts(ADMIN, document_id=gone[0].id, after=None, limit=10) == [receipt]
        assert await product.deletions.receipts(ADMIN, document_id=kept.id, after=None, limit=10) == []


async def test_deleting_again_says_what_is_unknown_and_removes_nothing(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = await product.add("a.md", "Words.")
        selection = Selection(ids=(added.id, "nobody"))
        plan = await product.deletions.plan(ADMIN, selection)
        assert (len(plan.documents), plan.unknown) == (1, ("nobody",))
        first, second = [await product.deletions.carry_out(ADMIN, plan) for _ in range(2)]
        assert (first.documents, second.documents, second.originals_removed) == (1, 0, 0)
        with pytest.raises(DocumentUnknown):
            await product.deletions.delete(ADMIN, added.id)


async def test_who_may_only_read_deletes_nothing_and_sees_no_foreign_receipt(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        [default] = await product.documents.collections(ADMIN)
        await product.documents.create_collection(ADMIN, "secret")
        readable, secret = await product.add("a.md", "Words."), await product.add("s.md", "Secret.", "secret")
        async with product.database.write() as sql:
            await repository.grant(sql, default.id, "reader", Right.READ)
        reader = user("reader")
        for selection in (Selection(ids=(readable.id, secret.id)), Selection(collection="default")):
            with pytest.raises(Forbidden):
                await product.deletions.plan(reader, selection)
        assert (await product.deletions.plan(reader, Selection(ids=(secret.id,)))).unknown == (secret.id,)
        assert (await product.deletions.plan(reader, Selection(name_prefix="s"))).documents == ()
        receipt = await product.deletions.delete(ADMIN, secret.id)
        with pytest.raises(DeletionUnknown):
            await product.deletions.receipt(reader, receipt.id)
        assert await product.deletions.receipts(reader, document_id=None, after=None, limit=10) == []


async def test_files_of_a_large_deletion_that_a_crash_left_behind_are_removed_later(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        added = [await product.add(f"{number}.md", f"Text {number}.") for number in range(30)]
        plan = await product.deletions.plan(ADMIN, Selection(ids=tuple(one.id for one in added)))
        remove = product.files.remove

        async def crash(_hashes: Sequence[str]) -> int:
            raise OSError("the process was killed here")

        product.files.remove = crash
        with pytest.raises(OSError, match="killed"):
            await product.deletions.carry_out(ADMIN, plan)
        product.files.remove = remove
        assert await product.deletions.remove_unused_originals() == len(added)
        assert [name async for names in product.files.stored() for name in names] == []


async def test_what_was_kept_of_documents_is_forgotten_with_one_of_them(tmp_path: Path) -> None:
    class Copies:
        forgotten = 0

        def forget(self) -> None:
            self.forgotten += 1

    copies = Copies()
    async with wired(tmp_path) as product:
        added = await product.add("a.md", "Words.")
        await product.settle()
        deletions = DeletionService(product.database, product.files, product.outbox, product.documents, utc_now, copies)
        await deletions.plan(ADMIN, Selection(ids=(added.id,)))
        assert copies.forgotten == 0
        await deletions.delete(ADMIN, added.id)
    assert copies.forgotten == 1
