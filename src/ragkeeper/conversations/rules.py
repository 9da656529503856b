"""Decisions about conversations: no I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ragkeeper.answers.models import AnswerMode, AnswerResult, Turn
from ragkeeper.conversations.models import Message, Reply
from ragkeeper.generation.models import Citation

_TITLE_CHARACTERS = 80
_SOURCE_DELETED = "A source of this answer was deleted."
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
    details = {
        "model": result.model,
        "timings_ms": dict(result.timings_ms),
        "notes": list(result.notes),
        "refused": result.answer.refused,
        "cached": result.cached_seconds is not None,
    }
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
    return {citation["version"] for message in messages for citation in message.citations}


def shown(message: Message, current: set[str]) -> Message:
    """A message as it may be shown and recalled now: a quoted answer is its sources' text, and goes with them."""
    citations = without_deleted(message.citations, current)
    gone = any(citation["source_deleted"] for citation in citations)
    content = _SOURCE_DELETED if gone and message.mode == AnswerMode.EXTRACTIVE else message.content
    return replace(message, citations=citations, content=content)


def without_deleted(citations: Sequence[dict[str, Any]], current: set[str]) -> list[dict[str, Any]]:
    """A citation whose source is gone keeps its place but not its text."""
    return [
        {**citation, "source_deleted": False}
        if citation["version"] in current
        else {**citation, "quote": "", "title": "source deleted", "source_deleted": True}
        for citation in citations
    ]
