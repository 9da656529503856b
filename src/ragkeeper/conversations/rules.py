"""Decisions about conversations: no I/O."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ragkeeper.answers.models import AnswerMode, AnswerResult, Turn
from ragkeeper.conversations.models import Message, Reply
from ragkeeper.generation.models import Citation

_TITLE_CHARACTERS = 80
_SOURCE_DELETED = "A source of this answer was deleted."
# In the details of a reply that only lists what was found: the versions whose titles stand in it.
_LISTED = "listed_versions"
_OF_SOURCES = frozenset({AnswerMode.EXTRACTIVE.value, AnswerMode.SEARCH_ONLY.value})
# Messages looked back at; the model's own token budget cuts further.
RECALLED = 12


def title_of(message: str) -> str:
    """A conversation is called by its first question, cut at a word."""
    line = " ".join(message.split())
    if len(line) <= _TITLE_CHARACTERS:
        return line
    return line[:_TITLE_CHARACTERS].rsplit(" ", 1)[0] + "…"


def turns(messages: Iterable[Message]) -> tuple[Turn, ...]:
    """What was said so far; a reply that was broken off before its first word says nothing."""
    return tuple(Turn(message.role, message.content) for message in messages if message.content)


def finished(result: AnswerResult) -> Reply:
    details: dict[str, Any] = {
        "model": result.model,
        "timings_ms": dict(result.timings_ms),
        "notes": list(result.notes),
        "refused": result.answer.refused,
        "cached": result.cached_seconds is not None,
    }
    if result.mode is AnswerMode.SEARCH_ONLY:
        details[_LISTED] = sorted({hint.version_id for hint in result.answer.hints})
    citations = [stored(citation) for citation in result.answer.citations]
    return Reply(result.answer.text, result.mode.value, citations, details)


def unfinished(text: str, code: str) -> Reply:
    """A reply that ended with an error: its text was sent but nothing in it was checked."""
    return Reply(text, None, [], {"unfinished": True, "code": code})


def stored(citation: Citation) -> dict[str, Any]:
    """A citation as it is kept with its message."""
    return {
        "marker": citation.marker,
        "document_id": citation.document_id,
        "version": citation.version_id,
        "title": citation.title,
        "page": citation.page,
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
        "support": round(citation.support, 4),
    }


def cited_versions(messages: Iterable[Message]) -> set[str]:
    """Of what the messages cite or list."""
    return {version for message in messages for version in _versions(message)}


def shown(message: Message, current: set[str]) -> Message:
    """A message as it may be shown and recalled now: what is its sources' own text, or their titles, goes with them."""
    gone = not set(_versions(message)) <= current
    content = _SOURCE_DELETED if gone and message.mode in _OF_SOURCES else message.content
    return replace(message, citations=without_deleted(message.citations, current), content=content)


def _versions(message: Message) -> Iterator[str]:
    yield from (citation["version"] for citation in message.citations)
    yield from message.details.get(_LISTED, ())


def without_deleted(citations: Sequence[dict[str, Any]], current: set[str]) -> list[dict[str, Any]]:
    """A citation whose source is gone keeps its place but not its text."""
    return [
        {**citation, "source_deleted": False}
        if citation["version"] in current
        else {**citation, "quote": "", "title": "source deleted", "source_deleted": True}
        for citation in citations
    ]
