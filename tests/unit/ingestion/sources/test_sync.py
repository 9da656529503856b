from pathlib import Path

import pytest

from ragkeeper.core.access import Right
from ragkeeper.core.clock import utc_now
from ragkeeper.documents import repository as documents_repository
from ragkeeper.documents.models import Priority, Selection
from ragkeeper.ingestion.service import Upload
from ragkeeper.ingestion.sources import repository
from ragkeeper.ingestion.sources.errors import SourceUnreachable
from ragkeeper.ingestion.sources.models import Change, Run, RunState
from tests.sources import Keeper, keeping
from tests.wired import ADMIN, once, user


def many(count: int) -> dict[str, str]:
    return {f"{number}.md": f"Text number {number}." for number in range(count)}


async def added(keeper: Keeper, contents: dict[str, str], **options: object) -> None:
    await keeper.add(**options)
    keeper.place.contents.update(contents)
    assert (await keeper.sync()).added == len(contents)


async def test_documents_follow_what_is_added_changed_and_deleted(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, {"a.md": "Alpha.", "below/b.md": "Beta.", "c.md": "Gamma."})
        assert await keeper.texts() == {"docs/a.md": "Alpha.", "docs/below/b.md": "Beta.", "docs/c.md": "Gamma."}
        del keeper.place.contents["a.md"]
        keeper.place.contents |= {"below/b.md": "Beta, changed.", "d.md": "Delta."}
        run = await keeper.sync()
        assert (run.items, run.added, run.updated, run.removed, run.failed) == (3, 1, 1, 1, 0)
        assert run.problem is None
        assert await keeper.texts() == {
            "docs/below/b.md": "Beta, changed.",
            "docs/c.md": "Gamma.",
            "docs/d.md": "Delta.",
        }
        [receipt] = await keeper.product.deletions.receipts(ADMIN, document_id=None, after=None, limit=10)
        assert [one.name for one in receipt.sample] == ["docs/a.md"]


async def test_what_has_not_changed_is_not_opened(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, many(3))
        keeper.place.opened.clear()
        run = await keeper.sync()
        assert (run.items, run.added, run.updated, run.removed) == (3, 0, 0, 0)
        assert keeper.place.opened == []
        assert keeper.place.closed == 3  # when it was checked, and by each run


async def test_documents_carry_their_source_and_give_way_to_what_people_add(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, many(1))
        [document] = await keeper.product.documents.find_all(ADMIN, collection=None, after=None, limit=10, status=None)
        assert (document.metadata, document.user_id) == ({"source": "docs"}, ADMIN.id)
        claimed = await keeper.product.claim(1)
        assert claimed[0].priority is Priority.BULK


async def test_a_new_date_alone_is_no_new_version(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, many(2))
        keeper.place.marks["0.md"] = "touched"
        run = await keeper.sync()
        assert (run.items, run.updated, keeper.place.opened.count("0.md")) == (2, 0, 2)
        await keeper.sync()
        assert keeper.place.opened.count("0.md") == 2


async def test_a_file_name_tells_the_format_where_the_name_does_not(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        keeper.place.names["about.html"] = "example.org/about"
        await added(keeper, {"about.html": "Alpha."})
        [document] = await keeper.product.documents.find_all(ADMIN, collection=None, after=None, limit=9, status=None)
        assert (document.name, document.version.filename) == ("docs/example.org/about", "about.html")


async def test_copies_are_documents_of_their_own(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, {"a.md": "The same.", "b.md": "The same.", "c.md": "Something else."})
        keeper.place.contents["a.md"] = "Not the same any more."
        await keeper.sync()
        assert (await keeper.texts())["docs/b.md"] == "The same."
        del keeper.place.contents["a.md"]
        await keeper.sync()
        assert (await keeper.texts()).keys() == {"docs/b.md", "docs/c.md"}


async def test_a_document_that_somebody_deleted_stays_deleted_until_its_item_changes(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, many(2))
        doomed = await keeper.product.deletions.plan(ADMIN, Selection(name_prefix="docs/0.md"))
        await keeper.product.deletions.carry_out(ADMIN, doomed)
        await keeper.sync()
        assert (await keeper.texts()).keys() == {"docs/1.md"}
        keeper.place.contents["0.md"] = "It has changed."
        assert (await keeper.sync()).updated == 1
        assert (await keeper.texts())["docs/0.md"] == "It has changed."


async def test_a_deleted_document_whose_item_goes_is_no_error(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, many(2))
        await keeper.product.deletions.carry_out(
            ADMIN, await keeper.product.deletions.plan(ADMIN, Selection(name_prefix="docs/0.md"))
        )
        del keeper.place.contents["0.md"]
        run = await keeper.sync()
        assert (run.problem, run.removed) == (None, 0)


async def test_what_cannot_be_read_keeps_its_document_and_says_why(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, {"a.md": "Alpha.", "b.md": "Beta."})
        keeper.place.contents |= {"a.md": "Alpha, changed.", "empty.md": "", "new.md": "New."}
        keeper.place.unreadable |= {"a.md", "new.md"}
        run = await keeper.sync()
        assert (run.items, run.failed, run.added, run.removed, run.problem) == (4, 3, 0, 0, None)
        state = await keeper.service.get(ADMIN, "docs")
        assert {item.key: item.error_code for item in state.failed} == {
            "a.md": "source_item_unavailable",
            "empty.md": "file_empty",
            "new.md": "source_item_unavailable",
        }
        assert (state.counts.items, state.counts.failed, state.run_state) == (4, 3, RunState.DONE)
        assert await keeper.texts() == {"docs/a.md": "Alpha.", "docs/b.md": "Beta."}

        keeper.place.unreadable.clear()
        keeper.place.contents["empty.md"] = "Not empty."
        run = await keeper.sync()
        assert (run.added, run.updated, run.failed) == (2, 1, 0)
        assert (await keeper.service.get(ADMIN, "docs")).failed == ()
        assert (await keeper.texts())["docs/a.md"] == "Alpha, changed."


async def test_a_scan_that_breaks_off_removes_nothing_and_keeps_what_it_brought(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, {"a.md": "Alpha.", "b.md": "Beta."})
        del keeper.place.contents["a.md"]
        keeper.place.contents["c.md"] = "Gamma."
        keeper.place.fails_after = 2
        run = await keeper.sync()
        assert run.problem is not None
        assert (run.problem.code, run.added, run.removed) == ("source_unreachable", 1, 0)
        assert (await keeper.texts()).keys() == {"docs/a.md", "docs/b.md", "docs/c.md"}
        synced = (await keeper.service.get(ADMIN, "docs")).source.synced_at
        keeper.place.fails_after = None
        run = await keeper.sync()
        assert (run.added, run.removed) == (0, 1)
        assert (await keeper.service.get(ADMIN, "docs")).source.synced_at > synced


@pytest.mark.parametrize(("left", "options"), [(6, {}), (0, {"most_removed": 1.0}), (9, {"most_removed": 0.05})])
async def test_a_source_that_shrank_too_much_loses_nothing_until_it_is_allowed(
    tmp_path: Path, left: int, options: dict[str, object]
) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, many(10), **options)
        for number in range(left, 10):
            del keeper.place.contents[f"{number}.md"]
        keeper.place.contents.update({"new.md": "New."} if left else {})
        run = await keeper.sync()
        assert run.problem is not None
        assert run.problem.code == "source_shrank"
        assert f"{10 - left} of the 10" in run.problem.message
        assert "ragkeeper sources sync docs --allow-removals" in run.problem.fix
        assert len(await keeper.texts()) == 10 + bool(left)
        run = await keeper.sync(allow_removals=True)
        assert (run.problem, run.removed) == (None, 10 - left)
        assert len(await keeper.texts()) == left + bool(left)


async def test_a_dry_run_tells_everything_and_changes_nothing(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, many(10))
        before = await keeper.texts()
        for number in range(4):
            del keeper.place.contents[f"{number}.md"]
        keeper.place.contents |= {"new.md": "New.", "5.md": "Changed."}
        keeper.place.unreadable.add("6.md")
        keeper.place.opened.clear()
        plan = await keeper.service.plan(ADMIN, "docs")
        assert plan.changes == {
            Change.ADD: ("new.md",),
            Change.UPDATE: ("5.md",),
            Change.REMOVE: ("0.md", "1.md", "2.md", "3.md"),
            Change.FAIL: ("6.md",),
        }
        assert plan.unchanged == 4
        assert plan.stopped is not None
        assert plan.stopped.code == "source_shrank"
        assert keeper.place.opened == []
        assert await keeper.texts() == before


async def test_a_dry_run_of_a_source_that_cannot_be_reached_says_so(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.add()
        keeper.place.fails_after = 0
        with pytest.raises(SourceUnreachable):
            await keeper.service.plan(ADMIN, "docs")


async def test_a_full_disk_ends_the_run_and_the_next_one_goes_on(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, many(2))
        keeper.place.contents |= many(5)
        keeper.product.files._reserve_mb = 10**9
        run = await keeper.sync()
        assert run.problem is not None
        assert (run.problem.code, run.added, run.items) == ("disk_space_low", 0, 2)
        assert (await keeper.service.get(ADMIN, "docs")).failed == ()
        keeper.product.files._reserve_mb = 0
        run = await keeper.sync()
        assert (run.problem, run.added) == (None, 3)
        assert len(await keeper.texts()) == 5


async def test_a_run_may_do_what_its_owner_may(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.product.documents.create_collection(ADMIN, "theirs")
        await added(keeper, many(1))
        keeper.owners[ADMIN.id] = user("somebody")
        keeper.place.contents["new.md"] = "New."
        run = await keeper.sync()
        assert run.problem is not None
        assert run.problem.code == "collection_unknown"
        async with keeper.product.database.write() as sql:
            [default] = await keeper.product.documents.collection_ids(ADMIN, "default")
            await documents_repository.grant(sql, default, "somebody", Right.WRITE)
        assert (await keeper.sync()).added == 1
        keeper.owners.clear()
        run = await keeper.sync()
        assert run.problem is not None
        assert run.problem.code == "source_owner_unknown"


async def test_items_of_one_name_are_not_mixed_up(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.add()
        keeper.place.contents |= {"a.md": "Alpha.", "b.md": "Beta."}
        keeper.place.names |= {"b.md": "a.md"}
        run = await keeper.sync()
        assert (run.added, run.failed) == (1, 1)
        [failed] = (await keeper.service.get(ADMIN, "docs")).failed
        assert failed.error_code == "source_item_name_taken"
        assert await keeper.texts() == {"docs/a.md": "Alpha."}


async def test_an_item_that_is_called_otherwise_leaves_no_second_document(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, {"a.md": "Alpha.", "b.md": "Beta."})
        keeper.place.names["a.md"] = "renamed.md"
        keeper.place.contents["a.md"] = "Alpha, changed."
        assert (await keeper.sync()).updated == 1
        assert await keeper.texts() == {"docs/renamed.md": "Alpha, changed.", "docs/b.md": "Beta."}


async def test_names_that_are_cleaned_to_the_same_are_not_mixed_up(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, {"a/b.md": "Slash.", "c.md": "Gamma."})
        keeper.place.contents = {"a\\b.md": "Backslash.", **keeper.place.contents}
        run = await keeper.sync()
        assert (run.added, run.updated, run.failed) == (0, 0, 1)
        [failed] = (await keeper.service.get(ADMIN, "docs")).failed
        assert (failed.key, failed.error_code) == ("a\\b.md", "source_item_name_taken")
        assert await keeper.texts() == {"docs/a/b.md": "Slash.", "docs/c.md": "Gamma."}


async def test_long_names_stay_apart_and_keep_their_beginning(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, {f"x/{'l' * 1500}": "One.", f"y/{'l' * 1500}": "Two."})
        assert sorted((name[:7], text) for name, text in (await keeper.texts()).items()) == [
            ("docs/x/", "One."),
            ("docs/y/", "Two."),
        ]


@pytest.mark.parametrize("text", ["A person's text.", "The source's text."])
async def test_a_document_that_a_person_added_is_neither_changed_nor_removed(tmp_path: Path, text: str) -> None:
    async with keeping(tmp_path) as keeper:
        await keeper.product.documents.ensure_default_collection(ADMIN)
        await keeper.product.add("docs/a.md", text)
        await keeper.add()
        keeper.place.contents |= {"a.md": "The source's text.", "b.md": "Beta."}
        assert (await keeper.sync()).failed == 1
        [failed] = (await keeper.service.get(ADMIN, "docs")).failed
        assert failed.error_code == "source_item_name_foreign"
        del keeper.place.contents["a.md"]
        assert (await keeper.sync()).removed == 0
        assert await keeper.texts() == {"docs/a.md": text, "docs/b.md": "Beta."}


async def test_a_source_that_is_added_again_recognises_what_it_brought(tmp_path: Path) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, many(3))
        await keeper.service.remove(ADMIN, "docs", documents=False)
        await keeper.add()
        keeper.place.contents["0.md"] = "Changed."
        assert (await keeper.sync()).failed == 0
        assert await keeper.texts() == {
            "docs/0.md": "Changed.",
            **{f"docs/{n}.md": f"Text number {n}." for n in (1, 2)},
        }


@pytest.mark.parametrize("unreadable", [False, True])
async def test_what_came_in_before_a_crash_and_is_gone_after_it_goes(tmp_path: Path, unreadable: bool) -> None:
    async with keeping(tmp_path) as keeper:
        await added(keeper, {"a.md": "Alpha."})
        await keeper.product.add("docs/mine.md", "A person's.")
        source = (await keeper.service.get(ADMIN, "docs")).source
        run = Run("job", utc_now(), attempts=1)
        for name in ("docs/b.md", "docs/c.md"):  # taken in and not noted: the process was killed
            upload = Upload(name, metadata={"source": "docs"}, distinct=True)
            await keeper.product.ingestion.accept(ADMIN, upload, once(name.encode()))
        async with keeper.product.database.write() as sql:
            await repository.save_run(sql, source.id, run)
        keeper.place.contents["b.md"] = "docs/b.md"
        keeper.place.unreadable |= {"a.md"} if unreadable else set()
        keys = await keeper.service.take_in(source.id, "job", allow_removals=False)
        assert await keeper.service.remove_gone(source.id, "job", keys) == (0 if unreadable else 1)
        lost = {"docs/c.md"} if unreadable else set()
        assert (await keeper.texts()).keys() == {"docs/a.md", "docs/b.md", "docs/mine.md"} | lost
