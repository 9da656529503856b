from hypothesis import given, settings
from hypothesis import strategies as st

from ragkeeper.generation.citations import CitedSentence
from ragkeeper.generation.verification import LONGEST_WINDOW, Verifier, fit_to, read_claim, spans, support
from ragkeeper.generation.weights import SUPPORT_THRESHOLD
from tests.unit.generation.fakes import WordEmbedder, passage

TEXT = "The mill was built in 1884. It burned down twice. Anna Berg rebuilt it with 30 workers. Today it is a museum."


def _sentence(claim: str, *markers: int) -> CitedSentence:
    return CitedSentence(text=claim, claim=claim, markers=markers)


async def _support(claim: str, text: str = TEXT) -> float:
    (checked,) = await Verifier(WordEmbedder()).verify([_sentence(claim, 1)], [passage(1, text)])
    return checked.citations[0].support


async def test_what_the_passage_says_is_supported() -> None:
    assert await _support("Anna Berg rebuilt the mill with 30 workers.") >= SUPPORT_THRESHOLD


async def test_another_matter_is_not() -> None:
    assert await _support("Penguins swim faster than seals.") < 0.1


async def test_a_changed_number_is_never_supported() -> None:
    assert await _support("The mill was built in 1894.") < SUPPORT_THRESHOLD


async def test_a_changed_name_is_supported_less() -> None:
    right = await _support("Anna Berg rebuilt it with 30 workers.")
    assert await _support("Jonas Falk rebuilt it with 30 workers.") < right


async def test_the_span_may_need_two_sentences() -> None:
    (checked,) = await Verifier(WordEmbedder()).verify(
        [_sentence("The mill, built in 1884, burned down twice.", 1)], [passage(1, TEXT)]
    )
    assert checked.citations[0].quote == "The mill was built in 1884. It burned down twice."


async def test_the_embedder_being_down_leaves_the_words() -> None:
    (checked,) = await Verifier(WordEmbedder(is_down=True)).verify(
        [_sentence("The mill was built in 1884.", 1)], [passage(1, TEXT)]
    )
    assert checked.supported


async def test_each_marker_gets_its_own_citation() -> None:
    passages = [passage(1, TEXT), passage(2, "Penguins swim.")]
    (checked,) = await Verifier(None).verify([_sentence("The mill was built in 1884.", 1, 2)], passages)
    assert [citation.marker for citation in checked.citations] == [1, 2]
    assert checked.citations[0].support > checked.citations[1].support


def test_windows_are_at_most_three_sentences() -> None:
    assert len(spans(TEXT, {})) == 4 + 3 + 2
    assert max(len(span.text) for span in spans(TEXT, {})) <= len(TEXT)
    assert LONGEST_WINDOW == 3


def test_long_texts_are_cut_to_what_the_embedder_reads() -> None:
    embedder = WordEmbedder()
    assert fit_to(embedder, ["short", "x" * 1000]) == ["short", "x" * embedder.max_tokens]


PIECES = st.sampled_from(["mill", "1884", "Anna.", "burned", "!", "\n\n", "[2]", "é", "水車。"])


@settings(max_examples=50)
@given(st.lists(PIECES, max_size=30).map(" ".join), st.lists(PIECES, max_size=10).map(" ".join), st.integers(0, 999))
async def test_quotes_are_exact_and_support_is_a_share(text: str, claim: str, start: int) -> None:
    cited = passage(1, text, start=start)
    (checked,) = await Verifier(WordEmbedder()).verify([_sentence(claim, 1)], [cited])
    (citation,) = checked.citations
    assert citation.quote == text[citation.start - start : citation.end - start]
    assert 0 <= citation.support <= 1


@given(st.lists(PIECES, min_size=1, max_size=30).map(" ".join))
def test_support_never_falls_when_the_claim_is_the_span(text: str) -> None:
    for span in spans(text, {}):
        claim = read_claim(span.text)
        if claim.keys:
            assert support(claim, None, span) >= SUPPORT_THRESHOLD
