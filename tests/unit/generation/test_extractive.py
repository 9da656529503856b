from hypothesis import given, settings
from hypothesis import strategies as st

from ragkeeper.generation.extractive import ExtractiveAnswerer, ExtractiveLimits
from ragkeeper.generation.models import NOT_FOUND, Passage
from tests.unit.generation.fakes import WordEmbedder, passage

REFUNDS = passage(
    1,
    "Our shop opened in 1998. Customers may return goods within thirty days for a full refund. "
    "The refund is paid by bank transfer. Weather in spring is mild.",
)
SHIPPING = passage(
    2, "Parcels are shipped by rail. A parcel takes four days. Nobody likes to wait.", dense=0.3, lexical=2
)
QUESTION = "How long may customers return goods for a refund?"


async def _ask(question: str, *passages: Passage, embedder: WordEmbedder | None = None, threshold: float = 0.3):
    return await ExtractiveAnswerer(embedder, threshold=threshold).answer(question, passages)


async def test_quotes_the_sentence_that_answers_with_its_exact_span() -> None:
    answer = await _ask(QUESTION, REFUNDS, SHIPPING, embedder=WordEmbedder())
    assert not answer.refused
    best = answer.citations[0]
    assert "Customers may return goods within thirty days for a full refund." in best.quote
    assert best.quote == REFUNDS.text[best.start - REFUNDS.start : best.end - REFUNDS.start]
    assert (best.marker, best.document_id, best.page) == (1, "d1", 1)
    assert "[1]" in answer.text


async def test_sentences_that_follow_each_other_are_one_quote() -> None:
    answer = await _ask("How is the refund for return of goods to customers paid?", REFUNDS, embedder=WordEmbedder())
    assert answer.citations[0].quote.startswith("Customers may return")
    assert answer.citations[0].quote.endswith("bank transfer.")


async def test_refuses_what_the_passages_do_not_hold_and_offers_the_closest() -> None:
    far = passage(1, "Granite is an igneous rock. It is found in mountains.", dense=0.05, lexical=0.0)
    answer = await _ask("Who won the chess championship in Reykjavik?", far, embedder=WordEmbedder())
    assert answer.refused
    assert (answer.text, answer.citations, answer.hints) == (NOT_FOUND, (), (far,))


async def test_without_passages_there_is_no_answer() -> None:
    answer = await _ask(QUESTION)
    assert answer.refused
    assert answer.confidence == 0


async def test_words_decide_while_the_embedder_is_down_or_missing() -> None:
    for embedder in (None, WordEmbedder(is_down=True)):
        answer = await _ask(QUESTION, REFUNDS, SHIPPING, embedder=embedder)
        assert "thirty days" in answer.text
        assert ("words alone" in answer.note) is (embedder is not None)


async def test_lexical_passages_alone_can_be_answered_from() -> None:
    texts = (REFUNDS.text, SHIPPING.text)
    passages = [passage(n, text, dense=None, lexical=12.0 / n) for n, text in enumerate(texts, start=1)]
    answer = await _ask(QUESTION, *passages)
    assert "thirty days" in answer.text


async def test_what_is_embedded_is_bounded() -> None:
    embedder = WordEmbedder()
    many = [passage(n, " ".join(f"Goods of kind {n}-{m} are returned." for m in range(20))) for n in range(1, 11)]
    await ExtractiveAnswerer(embedder, threshold=0.0).answer(QUESTION, many)
    assert len(embedder.embedded) <= ExtractiveLimits().embedded + 1


async def test_a_sentence_is_quoted_once_where_passages_overlap() -> None:
    text = "Customers may return goods within thirty days for a full refund."
    answer = await _ask(QUESTION, passage(1, text), passage(2, text), embedder=WordEmbedder())
    assert len(answer.citations) == 1


WORDS = st.sampled_from(
    ["refund", "goods", "1998", "days.", "Customers", "[3]", "\n\n", "é", "退款。", "| a |", "?", "-"]
)
TEXTS = st.lists(WORDS, min_size=1, max_size=40).map(" ".join)


@settings(max_examples=40)
@given(st.lists(TEXTS, max_size=4), TEXTS, st.integers(0, 10_000))
async def test_quotes_are_exact_and_markers_are_known(texts: list[str], question: str, start: int) -> None:
    passages = {n: passage(n, text, start=start) for n, text in enumerate(texts, start=1)}
    answer = await ExtractiveAnswerer(WordEmbedder(), threshold=0.0).answer(question, list(passages.values()))
    for citation in answer.citations:
        cited = passages[citation.marker]
        assert citation.quote == cited.text[citation.start - cited.start : citation.end - cited.start]
    assert sum(len(sentence.citations) for sentence in answer.sentences) <= 3
