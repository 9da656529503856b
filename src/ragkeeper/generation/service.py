"""Passages to a cited answer by a model, whole or streamed."""

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from ragkeeper.generation.budget import TokenBudget, fit_history, fit_passages
from ragkeeper.generation.citations import MarkerReader, cited_sentences
from ragkeeper.generation.extractive import refusal
from ragkeeper.generation.models import Answer, AnswerSentence, Citation, Passage
from ragkeeper.generation.ports import Embedder
from ragkeeper.generation.prompts import NOT_FOUND_REPLY, Turn, answer_messages, new_boundary
from ragkeeper.generation.verification import Verifier
from ragkeeper.providers.chat.port import ChatMessage, ChatModel

_NOT_FOUND = re.compile(
    rf"\W*(?:{NOT_FOUND_REPLY}|not found in (?:your|the) (?:documents|passages)|"
    r"(?:the|these) passages (?:do|does) not (?:contain|hold|provide|mention|include)|"
    r"(?:i )?(?:could not|couldn't|cannot|can't) find (?:the answer|an answer|any information|this|that))",
    re.IGNORECASE,
)
_TEMPERATURE = 0.1


@dataclass(frozen=True, slots=True)
class TokenDelta:
    """Text to show now. Its markers name passages; everything the deltas hold together is the final answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole answer with its citations checked. Replaces what was shown: a refusal has a text of its own."""

    answer: Answer


Event = TokenDelta | Finished


class Generator:
    """One model's answers. Raises `ragkeeper.providers.chat.errors.ChatError` when the model fails."""

    def __init__(
        self,
        chat: ChatModel,
        embedder: Embedder | None,
        *,
        budget: TokenBudget | None = None,
        boundary: Callable[[], str] = new_boundary,
    ) -> None:
        self._chat = chat
        self._verifier = Verifier(embedder)
        self._budget = budget or TokenBudget()
        self._boundary = boundary

    async def answer(self, question: str, passages: Sequence[Passage], history: Sequence[Turn] = ()) -> Answer:
        """A cited answer to `question`; `history` oldest first. A refusal when the model finds none in the passages."""
        if not passages:
            return refusal((), 0.0)
        used = fit_passages(passages, self._budget.passages)
        reply = await self._chat.complete(
            self._messages(question, used, history), max_tokens=self._budget.reply, temperature=_TEMPERATURE
        )
        reader = MarkerReader([passage.marker for passage in used])
        return await self._finish(reader.feed(reply.text) + reader.finish(), used)

    async def stream(
        self, question: str, passages: Sequence[Passage], history: Sequence[Turn] = ()
    ) -> AsyncGenerator[Event, None]:
        """`TokenDelta`s, then one `Finished`. Closing it ends the model's call.

        A reply that opens with
        `NOT_FOUND_REPLY` has no deltas; one that refuses in words of its own may have shown some of them.
        """
        if not passages:
            yield Finished(refusal((), 0.0))
            return
        used = fit_passages(passages, self._budget.passages)
        shown = _Shown(MarkerReader([passage.marker for passage in used]))
        pieces = self._chat.stream(
            self._messages(question, used, history), max_tokens=self._budget.reply, temperature=_TEMPERATURE
        )
        async with aclosing(pieces):
            async for piece in pieces:
                if text := shown.feed(piece):
                    yield TokenDelta(text)
        if text := shown.finish():
            yield TokenDelta(text)
        yield Finished(await self._finish(shown.text, used))

    def _messages(self, question: str, passages: Sequence[Passage], history: Sequence[Turn]) -> list[ChatMessage]:
        return answer_messages(question, passages, fit_history(history, self._budget.history), self._boundary())

    async def _finish(self, text: str, passages: Sequence[Passage]) -> Answer:
        if is_refusal(text):
            return refusal(passages, 0.0)
        sentences = await self._verifier.verify(cited_sentences(text), passages)
        return Answer(
            text=text,
            sentences=tuple(sentences),
            citations=all_citations(sentences),
            refused=False,
            confidence=_confidence(sentences),
        )


class _Shown:
    """What may be shown of a reply: nothing while it may still turn out to be a refusal, then all of it."""

    def __init__(self, reader: MarkerReader) -> None:
        self._reader = reader
        self._shown = 0
        self.text = ""

    def feed(self, piece: str) -> str:
        self.text += self._reader.feed(piece)
        return "" if may_be_refusal(self.text) else self._rest()

    def finish(self) -> str:
        self.text += self._reader.finish()
        return "" if is_refusal(self.text) else self._rest()

    def _rest(self) -> str:
        rest = self.text[self._shown :]
        self._shown = len(self.text)
        return rest


def is_refusal(text: str) -> bool:
    """Whether a model's reply says that it found nothing. A long reply that begins so and goes on to answer is none."""
    return not text.strip() or (_NOT_FOUND.match(text) is not None and not re.search(r"\[\d{1,4}\]", text))


def may_be_refusal(text: str) -> bool:
    """Whether the beginning of a reply could still become a refusal."""
    opening = text.lstrip(" \n\t\"'*_.").lower()
    if len(opening) < len(NOT_FOUND_REPLY):
        return NOT_FOUND_REPLY.lower().startswith(opening)
    return is_refusal(text)


def all_citations(sentences: Sequence[AnswerSentence]) -> tuple[Citation, ...]:
    """Each cited span once, in the order of the text."""
    found: dict[tuple[int, int, int], Citation] = {}
    for citation in (citation for sentence in sentences for citation in sentence.citations):
        found.setdefault((citation.marker, citation.start, citation.end), citation)
    return tuple(found.values())


def _confidence(sentences: Sequence[AnswerSentence]) -> float:
    """The mean over sentences of the best support each has."""
    best = [max((citation.support for citation in sentence.citations), default=0.0) for sentence in sentences]
    return sum(best) / len(best) if best else 0.0
