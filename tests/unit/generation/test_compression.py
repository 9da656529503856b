from ragkeeper.generation.compression import ModelCompressor, shortened
from ragkeeper.generation.models import Passage
from ragkeeper.providers.chat.fake import FakeChat

TEXT = "Intro words. The limit is 30 days. It never changes. Outro words."
PASSAGE = Passage(1, "d", "v", 1, "t", TEXT, 2, 100, 100 + len(TEXT), 0.5, 0.5, 1.0)


def test_a_passage_is_cut_to_the_span_that_was_copied() -> None:
    cut = shortened(PASSAGE, "The limit is 30 days.\nIt never changes.")
    assert cut is not None
    assert cut.text == "The limit is 30 days. It never changes."
    assert (cut.start, cut.end) == (113, 113 + len(cut.text))


def test_what_is_not_a_copy_is_not_used() -> None:
    assert shortened(PASSAGE, "The limit is 90 days.") is PASSAGE


def test_a_passage_that_does_not_help_is_dropped() -> None:
    assert shortened(PASSAGE, "NOT FOUND") is None


async def test_all_passages_are_asked_about() -> None:
    model = FakeChat("The limit is 30 days.", "NOT FOUND")
    kept = await ModelCompressor(model).compress("What limit?", [PASSAGE, PASSAGE])
    assert [passage.text for passage in kept] == ["The limit is 30 days."]
