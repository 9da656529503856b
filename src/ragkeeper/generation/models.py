"""What goes into an answer and what comes out of one."""

from dataclasses import dataclass

NOT_FOUND = "Not found in your documents."
"""The text of a refusal."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document's version, as retrieval found it, under the number by which an answer cites it.

    marker: from 1, unique within one question. start, end: where `text` lies in the version's text, in characters
    (code points). score: retrieval's fused score. dense: cosine of question and passage; lexical: BM25; None where
    that side did not take part.
    """

    marker: int
    document_id: str
    version_id: str
    chunk_id: int
    title: str
    text: str
    page: int | None
    start: int
    end: int
    score: float
    dense: float | None
    lexical: float | None


@dataclass(frozen=True, slots=True)
class Citation:
    """A span of a document that supports one sentence of an answer.

    quote: exactly `passage.text[start - passage.start : end - passage.start]`.
    support: 0 (says nothing of the kind) to 1 (says it).
    """

    marker: int
    document_id: str
    version_id: str
    title: str
    page: int | None
    start: int
    end: int
    quote: str
    support: float


@dataclass(frozen=True, slots=True)
class AnswerSentence:
    """One sentence of an answer, its markers included; supported: some citation's support reaches the threshold."""

    text: str
    citations: tuple[Citation, ...]
    supported: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, or a refusal.

    text: what to show, with `[n]` markers. citations: of all sentences, each span once, in the order of the text.
    refused: nothing in the passages supports an answer; `hints` then holds the closest ones, which are no citations.
    confidence: 0 to 1, that the passages hold an answer. note: what was left out on the way and why, or empty.
    """

    text: str
    sentences: tuple[AnswerSentence, ...]
    citations: tuple[Citation, ...]
    refused: bool
    confidence: float
    hints: tuple[Passage, ...] = ()
    note: str = ""


def quote(passage: Passage, start: int, end: int, support: float) -> Citation:
    """The citation of `passage.text[start:end]`: the only way a citation is made, so that its quote is always exact."""
    return Citation(
        marker=passage.marker,
        document_id=passage.document_id,
        version_id=passage.version_id,
        title=passage.title,
        page=passage.page,
        start=passage.start + start,
        end=passage.start + end,
        quote=passage.text[start:end],
        support=support,
    )
