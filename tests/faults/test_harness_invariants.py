"""The judge judged: whatever may go wrong is made up here, and must be told; what is right must pass."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from tests.faults.harness import memory, texts, workload
from tests.faults.harness.invariants import violations
from tests.faults.harness.look import ChunkRow, Look, Stored
from tests.faults.harness.model import Model, Outcome
from tests.faults.harness.texts import Content

SEED = 7


def readable(count: int) -> list[Content]:
    found = (texts.make(SEED, number) for number in range(200))
    return [content for content in found if content.suffix == ".md" and content.readable][:count]


OLD, NEW, OTHER_ONE = readable(3)
BROKEN = next(content for n in range(500) if not (content := texts.make(SEED, n)).readable)


def model() -> Model:
    """hall0/a holds NEW after OLD, hall0/b holds OTHER_ONE, hall0/c a broken file."""
    found = Model()
    for name, contents in {"hall0/a": [OLD, NEW], "hall0/b": [OTHER_ONE], "hall0/c": [BROKEN]}.items():
        for content in contents:
            found.putting(name, content)
            found.put(name, content, Outcome.DONE)
    return found


def test_what_was_cancelled_may_show_once_it_is_retried():
    found = model()
    found.settled("hall0/a", NEW, OLD, 1.0)
    assert found.leaks([NEW.number], 2.0) == [NEW.number]
    found.retrying("hall0/a")
    assert found.leaks([NEW.number], 3.0) == []


def stored(n: int, name: str, content: Content, status: str = "ready", code: str | None = None) -> Stored:
    shown = (f"v{n}", content.sha256) if status == "ready" else (None, None)
    return Stored(f"d{n}", name, "c", f"v{n}", content.sha256, status, code, *shown)


def chunks(n: int, content: Content) -> list[ChunkRow]:
    text = content.data.decode()
    return [ChunkRow(10 * n + k, f"d{n}", f"v{n}", k, part) for k, part in enumerate(text.split("\n\n"))]


def right() -> Look:
    """What a server shows when everything is as it must be."""
    documents = [
        stored(1, "hall0/a", NEW),
        stored(2, "hall0/b", OTHER_ONE),
        stored(3, "hall0/c", BROKEN, "failed", "file_damaged"),
    ]
    rows = [*chunks(1, NEW), *chunks(2, OTHER_ONE)]
    return Look(
        documents=documents,
        chunks=rows,
        texts={"v1": NEW.data.decode(), "v2": OTHER_ONE.data.decode()},
        used=frozenset({OLD.sha256, NEW.sha256, OTHER_ONE.sha256, BROKEN.sha256}),
        outbox=0,
        vectors=len(rows),
        damage=[],
        listed=[(one.id, one.status or "") for one in documents],
        hits={NEW.number: [("d1", (10,)), ("d1", (11,))], OTHER_ONE.number: [("d2", (20,))]},
        readable=[],
        status={"index": {"chunks": len(rows), "vectors": len(rows)}},
        originals={one.sha256: one.sha256 for one in (OLD, NEW, OTHER_ONE, BROKEN)},
        left=[],
    )


def without(look: Look, document: str) -> Look:
    documents = [one for one in look.documents if one.id != document]
    rows = [row for row in look.chunks if row.document != document]
    return replace(
        look,
        documents=documents,
        chunks=rows,
        texts={version: text for version, text in look.texts.items() if version != f"v{document[1:]}"},
        listed=[one for one in look.listed if one[0] != document],
        vectors=len(rows),
        status={"index": {"chunks": len(rows), "vectors": len(rows)}},
        hits={number: [hit for hit in hits if hit[0] != document] for number, hits in look.hits.items()},
    )


def with_first(look: Look, **changes: Any) -> Look:
    first = replace(look.documents[0], **changes)
    return replace(
        look, documents=[first, *look.documents[1:]], listed=[(first.id, first.status or ""), *look.listed[1:]]
    )


def hits(look: Look, number: int, *found: tuple[str, tuple[int, ...]]) -> Look:
    return replace(look, hits={**look.hits, number: list(found)})


def test_what_is_right_passes():
    assert violations(model(), right()) == []


WRONG: dict[str, tuple[Callable[[Look], Look], str]] = {
    "a document is lost": (lambda one: without(one, "d2"), "hall0/b holds nothing and should hold content"),
    "an update is lost": (
        lambda one: with_first(one, newest_hash=OLD.sha256, current_hash=OLD.sha256),
        f"hall0/a holds content {OLD.number} and should hold content {NEW.number}",
    ),
    "a content from nowhere": (lambda one: with_first(one, newest_hash="00"), "holds a content that nobody sent"),
    "a document is doubled": (
        lambda one: replace(one, documents=[*one.documents, replace(one.documents[0], id="d9")]),
        "hall0/a is there 2 times",
    ),
    "a document is stuck": (lambda one: with_first(one, status="parsing"), "is parsing with code None"),
    "a sound file failed": (lambda one: with_first(one, status="failed", code="no_text"), "failed with code no_text"),
    "a failure without a reason": (
        lambda one: replace(one, documents=[*one.documents[:2], replace(one.documents[2], code=None)]),
        "is failed with code None",
    ),
    "cancelled by nobody": (lambda one: with_first(one, status="cancelled"), "is cancelled"),
    "not listed": (lambda one: replace(one, listed=one.listed[1:]), "document d1 is stored as ready and not listed"),
    "listed twice": (
        lambda one: replace(one, listed=[*one.listed, one.listed[0]]),
        "is listed as ready and not stored",
    ),
    "not found": (lambda one: hits(one, NEW.number), f"key{NEW.number} does not find document d1"),
    "found elsewhere": (lambda one: hits(one, NEW.number, ("d1", (10,)), ("d2", (20,))), "d2, which does not hold it"),
    "found twice": (lambda one: hits(one, NEW.number, ("d1", (10,)), ("d1", (10,))), "finds chunk 10 2 times"),
    "half a text": (
        lambda one: replace(one, texts={**one.texts, "v1": one.texts["v1"].replace("last", "")}),
        f"not the whole of {NEW.number}",
    ),
    "a chunk is missing": (lambda one: replace(one, chunks=one.chunks[1:]), "has chunks [1"),
    "a chunk is doubled": (lambda one: replace(one, chunks=[one.chunks[0], *one.chunks]), "has chunks [0, 0, 1"),
    "no chunks": (lambda one: replace(one, chunks=[row for row in one.chunks if row.version != "v1"]), "has chunks []"),
    "chunks of a replaced version": (
        lambda one: replace(one, chunks=[*one.chunks, ChunkRow(99, "d1", "v0", 0, "old")]),
        "chunks of version v0 are kept",
    ),
    "text of a deleted document": (
        lambda one: replace(one, texts={**one.texts, "v0": OLD.data.decode()}),
        "text of version v0 is kept",
    ),
    "an orphan in the index": (
        lambda one: replace(one, status={"index": {"chunks": len(one.chunks) + 1, "vectors": one.vectors}}),
        "the index holds",
    ),
    "a vector is missing": (
        lambda one: replace(one, status={"index": {"chunks": len(one.chunks), "vectors": one.vectors - 1}}),
        "vectors, the database",
    ),
    "a change waits for ever": (lambda one: replace(one, outbox=1), "1 changes wait"),
    "an original is lost": (
        lambda one: replace(one, originals={n: n for n in one.originals if n != NEW.sha256}),
        "is missing",
    ),
    "an original is torn": (
        lambda one: replace(one, originals={**one.originals, NEW.sha256: "other"}),
        "has other bytes",
    ),
    "an original is left": (lambda one: replace(one, originals={**one.originals, "ff": "ff"}), "belongs to no version"),
    "a temporary file is left": (lambda one: replace(one, left=["files/incoming/1"]), "incoming/1 was left behind"),
    "a damaged database": (lambda one: replace(one, damage=["ragkeeper.db: page 3"]), "ragkeeper.db: page 3"),
    "a deleted document answers": (
        lambda one: replace(one, readable=["/d0/content"]),
        "answers for a deleted document",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_told(wrong: str):
    spoil, sentence = WRONG[wrong]
    assert any(sentence in line for line in violations(model(), spoil(right()))), wrong


def test_a_deleted_document_that_is_there_is_told():
    asked = model()
    asked.deleted("hall0/b", Outcome.DONE, now=1.0)
    assert any("hall0/b" in line for line in violations(asked, right()))
    assert violations(asked, replace(without(right(), "d2"), originals={n: n for n in right().used})) == []


def test_what_was_in_doubt_may_be_either_but_nothing_else():
    asked = model()
    asked.deleted("hall0/b", Outcome.UNKNOWN, now=1.0)
    assert violations(asked, right()) == []
    assert violations(asked, without(right(), "d2")) == []
    asked.putting("hall0/a", OTHER_ONE)
    asked.put("hall0/a", OTHER_ONE, Outcome.UNKNOWN)
    assert violations(asked, right()) == []
    assert any("hall0/a" in line for line in violations(asked, without(right(), "d1")))


def test_deleted_text_is_told_from_text_that_was_there_when_it_was_asked_for():
    asked = model()
    assert asked.leaks({OTHER_ONE.number}, asked_at=1.0) == []
    asked.deleted("hall0/b", Outcome.DONE, now=2.0)
    assert asked.leaks({OTHER_ONE.number}, asked_at=1.9) == []
    assert asked.leaks({OTHER_ONE.number}, asked_at=2.1) == [OTHER_ONE.number]


def test_replaced_text_may_show_until_the_new_one_is_readable():
    asked = model()
    assert asked.leaks({OLD.number}, asked_at=1.0) == []
    asked.settled("hall0/a", NEW, NEW, now=2.0)
    assert asked.leaks({OLD.number, NEW.number}, asked_at=2.1) == [OLD.number]


def test_text_that_another_document_shares_stays_visible():
    asked = model()
    asked.putting("hall0/a", OTHER_ONE)
    asked.put("hall0/a", OTHER_ONE, Outcome.DONE)
    asked.deleted("hall0/b", Outcome.DONE, now=1.0)
    assert asked.leaks({OTHER_ONE.number}, asked_at=2.0) == []


def test_one_of_those_that_share_a_text_is_enough_even_one_whose_newer_version_failed():
    look = right()
    third = replace(look.documents[2], current="v30", current_hash=OTHER_ONE.sha256)
    shared = hits(replace(look, documents=[*look.documents[:2], third]), OTHER_ONE.number, ("d3", (30,)))
    nobody = hits(shared, OTHER_ONE.number)
    assert [one for one in violations(model(), shared) if "does not find" in one] == []
    assert [one for one in violations(model(), nobody) if "does not find" in one] == [
        f"{OTHER_ONE.key} does not find document d2"
    ]


def test_text_that_nobody_sent_is_a_leak():
    assert model().leaks({123_456}, asked_at=1.0) == [123_456]


def test_operations_come_from_the_seed_alone():
    some = list(workload.operations(SEED, 3, 40))
    assert some == list(workload.operations(SEED, 3, 40))
    assert some != list(workload.operations(SEED + 1, 3, 40))
    assert all(one.number < other.number for one, other in pairwise(some))


@pytest.mark.parametrize(("growth", "flat"), [(0.0, True), (0.02, True), (1.0, False)])
def test_memory_that_grows_is_told_from_noise(growth: float, flat: bool):
    """growth: MB a minute, under ±3 MB of noise."""
    samples = [
        (second, 300 + growth * second / 60 + 3 * ((second * 7919) % 13 / 6 - 1)) for second in range(0, 1800, 2)
    ]
    found = memory.slope(samples)
    assert found is not None
    assert found.is_flat is flat
    assert found.mb_per_hour == pytest.approx(growth * 60, abs=1.5)


def test_a_few_minutes_say_nothing_about_memory():
    assert memory.slope([(second, 300.0) for second in range(200)]) is None
