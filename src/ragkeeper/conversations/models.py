"""A chat and its messages, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ragkeeper.answers.models import AnswerResult


@dataclass(frozen=True, slots=True)
class Conversation:
    id: str
    user_id: str
    title: str
    collection: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """citations: as they were given, but without the quote where the source is no longer there (`source_deleted`)."""

    id: str
    role: str
    content: str
    mode: str | None
    citations: list[dict[str, Any]]
    details: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """What the assistant wrote, as it is kept with its message; mode: None when it was broken off."""

    text: str
    mode: str | None
    citations: list[dict[str, Any]]
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    message: str
    conversation_id: str | None = None
    collection: str | None = None
    top_k: int | None = None
    stream_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class ChatResult:
    """Both ids are None where nothing could be kept of it; a note of the result says why."""

    result: AnswerResult
    conversation_id: str | None
    message_id: str | None
