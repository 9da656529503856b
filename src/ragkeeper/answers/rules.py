"""Decisions about answers: no I/O."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from ragkeeper.answers.models import AnswerEvent, AnswerMode, AnswerResult, Done, Progress, Sources, Token, Turn
from ragkeeper.generation.models import NOT_FOUND, Answer, AnswerSentence, Passage
from ragkeeper.retrieval.models import Hit

# What the model's own token budget is filled from; no question may be longer than a turn by default.
_TURNS = 12
_TURN_CHARACTERS = 10_000


def passages(hits: Sequence[Hit]) -> tuple[Passage, ...]:
    """Hits under the numbers by which the answer cites them, best first from 1."""
    return tuple(
        Passage(
            marker=marker,
            document_id=hit.document_id,
            version_id=hit.version_id,
            chunk_id=hit.chunk_ids[0],
            title=hit.title,
            text=hit.text,
            page=hit.page,
            start=hit.start,
            end=hit.end,
            score=hit.score,
            dense=hit.scores.dense,
            lexical=hit.scores.lexical,
        )
        for marker, hit in enumerate(hits, start=1)
    )


def recent(history: Sequence[Turn]) -> tuple[Turn, ...]:
    """What is looked back at: the last turns, each without the middle of what is too long.

    Whoever sends a history says how long it is; what it may cost is not theirs to say.
    """
    return tuple(replace(turn, content=_shortened(turn.content)) for turn in history[-_TURNS:])


def told_again(result: AnswerResult) -> tuple[AnswerEvent, ...]:
    """The events of a cached answer: those of one in the making, its text in one piece."""
    age = Progress("cached", f"{result.cached_seconds or 0:.0f} s old")
    return (Sources(result.sources), age, Token(result.answer.text), Done(result))


def earlier_questions(history: Sequence[Turn]) -> tuple[str, ...]:
    return tuple(turn.content for turn in history if turn.role == "user")


def without_versions(answer: Answer, gone: Collection[str]) -> Answer:
    """The answer with every citation of a version that is no longer there withdrawn, and its sentence flagged."""
    if not gone:
        return answer
    sentences = tuple(_without(sentence, gone) for sentence in answer.sentences)
    return replace(
        answer,
        sentences=sentences,
        citations=tuple(citation for citation in answer.citations if citation.version_id not in gone),
        hints=tuple(hint for hint in answer.hints if hint.version_id not in gone),
    )


def only_supported(answer: Answer) -> Answer:
    """A quoted answer without the sentences whose sources are gone; a refusal if none is left."""
    kept = tuple(sentence for sentence in answer.sentences if sentence.citations)
    if answer.refused or len(kept) == len(answer.sentences):
        return answer
    if not kept:
        return replace(answer, text=NOT_FOUND, sentences=(), citations=(), refused=True, confidence=0.0)
    return replace(answer, text="\n\n".join(sentence.text for sentence in kept), sentences=kept)


def first_writer(best: AnswerMode, writers: int) -> int:
    """The place of the first writer that may be asked; `writers` where none may."""
    if best.rank >= AnswerMode.EXTRACTIVE.rank:
        return writers
    return min(writers, 1) if best is AnswerMode.FALLBACK_MODEL else 0


def may_compress(best: AnswerMode) -> bool:
    """Compression asks the first model."""
    return best.rank < AnswerMode.FALLBACK_MODEL.rank


def held_note(best: AnswerMode) -> list[str]:
    return [] if best is AnswerMode.FULL else [f"answers are held to {best.value} for the moment"]


def mode_of(place: int, best: AnswerMode, *, without_reranking: bool) -> AnswerMode:
    """The worst of what happened and of what was said. place: of the writer that wrote it."""
    happened = AnswerMode.FALLBACK_MODEL if place else AnswerMode.FULL
    if happened is AnswerMode.FULL and without_reranking:
        happened = AnswerMode.WITHOUT_RERANKING
    return max(happened, best, key=lambda mode: mode.rank)


def grounding(answer: Answer) -> str | None:
    """How much of an answer its sources support, in the words of the metric; None of a list, which claims nothing."""
    if answer.refused:
        return "refused"
    if not answer.sentences:
        return None
    supported = sum(sentence.supported for sentence in answer.sentences)
    if supported == len(answer.sentences):
        return "grounded"
    return "partly" if supported else "ungrounded"


def listing(passages: Sequence[Passage]) -> Answer:
    """Where an answer would be found: what is left when nothing may be written or quoted."""
    if not passages:
        return Answer(NOT_FOUND, (), (), refused=True, confidence=0.0)
    lines = [f"[{one.marker}] {one.title}{f', page {one.page}' if one.page else ''}" for one in passages]
    text = "\n".join(["Only searching is possible at the moment. These passages come closest:", "", *lines])
    return Answer(text, (), (), refused=False, confidence=0.0, hints=tuple(passages))


def _shortened(text: str) -> str:
    """The beginning, which says what a text is about, and the end, where a question after a long text stands."""
    if len(text) <= _TURN_CHARACTERS:
        return text
    half = _TURN_CHARACTERS // 2
    return f"{text[:half]} … {text[-half:]}"


def _without(sentence: AnswerSentence, gone: Collection[str]) -> AnswerSentence:
    kept = tuple(citation for citation in sentence.citations if citation.version_id not in gone)
    return replace(sentence, citations=kept, supported=sentence.supported and bool(kept))
