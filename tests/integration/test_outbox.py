"""Truth and index agree in the end, whatever fails between: random work against a model of what must be true."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.storage.vectors.fake import FakeIndex
from ragkeeper.storage.vectors.port import VectorEntry, WordsEntry
from tests.wired import ADMIN, Wired, wired


class IndexBroken(RagkeeperError):
    """The index broke."""


class BrittleIndex(FakeIndex):
    """Fails at the calls whose numbers it is given, before or after doing its work."""

    def __init__(self, failures: Collection[int]) -> None:
        super().__init__(64)
        self._failures = set(failures)
        self._calls = 0

    def mend(self) -> None:
        self._failures.clear()

    def _maybe_fail(self) -> None:
        self._calls += 1
        if self._calls in self._failures:
            raise IndexBroken

    async def put_words(self, entries: Sequence[WordsEntry]) -> None:
        self._maybe_fail()
        await super().put_words(entries)
        self._maybe_fail()

    async def put_vectors(self, entries: Sequence[VectorEntry]) -> None:
        self._maybe_fail()
        await super().put_vectors(entries)
        self._maybe_fail()

    async def remove_versions(self, version_ids: Collection[str]) -> None:
        await super().remove_versions(version_ids)
        self._maybe_fail()

    async def remove_documents(self, document_ids: Collection[str]) -> None:
        await super().remove_documents(document_ids)
        self._maybe_fail()

    async def flush(self) -> None:
        self._maybe_fail()


NAMES = ("a", "b", "c")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(NAMES), st.integers(0, 4)),
        st.tuples(st.just("delete"), st.sampled_from(NAMES), st.just(0)),
        st.tuples(st.sampled_from(["parse", "embed", "drain"]), st.just(""), st.just(0)),
    ),
    max_size=25,
)


def text_of(name: str, number: int) -> str:
    return f"Document {name} says number{number} about pumps."


async def apply(product: Wired, step: tuple[str, str, int], truth: dict[str, tuple[str, int]]) -> None:
    kind, name, number = step
    if kind == "put":
        accepted = await product.add(f"{name}.md", text_of(name, number))
        truth[name] = (accepted.id, number)
    elif kind == "delete" and name in truth:
        await product.deletions.delete(ADMIN, truth.pop(name)[0])
    elif kind == "parse":
        await product.parse()
    elif kind in {"embed", "drain"}:
        with suppress(IndexBroken):
            await (product.embed() if kind == "embed" else product.drain.drain())


async def nothing_deleted_is_shown(product: Wired, truth: dict[str, tuple[str, int]]) -> None:
    known = {document_id for document_id, _ in truth.values()}
    assert {hit.document_id for hit in (await product.search("pumps")).hits} <= known


async def everything_is_found(product: Wired, truth: dict[str, tuple[str, int]]) -> None:
    hits = (await product.search("pumps")).hits
    assert sorted(hit.text for hit in hits) == sorted(text_of(name, number) for name, (_, number) in truth.items())
    counts = await product.index.count()
    assert (counts.points, counts.with_vectors) == (len(truth), len(truth))
    assert (await product.reconciler.compare()).closed


async def run(folder: Path, plan: list[tuple[str, str, int]], failures: Collection[int], *, lost: bool) -> None:
    index = BrittleIndex(failures)
    truth: dict[str, tuple[str, int]] = {}
    async with wired(folder, index=index) as product:
        for step in plan:
            await apply(product, step, truth)
            await nothing_deleted_is_shown(product, truth)
        index.mend()
        await product.settle()
        if lost:
            await index.clear()
        await product.reconciler.reconcile()
        await everything_is_found(product, truth)


@given(plan=steps, failures=st.sets(st.integers(1, 30), max_size=8), lost=st.booleans())
@settings(max_examples=25)
def test_any_history_ends_with_truth_and_index_equal(
    plan: list[tuple[str, str, int]], failures: set[int], lost: bool
) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder), plan, failures, lost=lost))


async def test_entries_nobody_owns_are_removed(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await product.add("a.md", "Pumps.")
        await product.settle()
        stray = WordsEntry(999, "no-version", "no-document", "no-collection", "Pumps.", {})
        await product.index.put_words([stray])
        gap = await product.reconciler.reconcile()
        assert gap.orphans == {"no-version"}
        assert (await product.index.count()).points == 1


@pytest.mark.parametrize("kept", [0, 1, 2])
async def test_a_partly_lost_index_is_completed_without_embedding(tmp_path: Path, kept: int) -> None:
    async with wired(tmp_path) as product:
        added = [await product.add(f"{n}.md", f"Pump number{n}.") for n in range(3)]
        await product.settle()
        await product.index.remove_versions([one.version for one in added[kept:]])
        embedded = len(product.embedder.embedded)
        await product.reconciler.reconcile()
        assert (await product.index.count()).with_vectors == 3
        assert len(product.embedder.embedded) == embedded
