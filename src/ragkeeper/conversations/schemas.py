"""What crosses HTTP about chats."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from ragkeeper.answers.schemas import AnswerView
from ragkeeper.conversations.models import ChatRequest, ChatResult, Conversation, Message


class ChatBody(BaseModel):
    """`stream_timeout`: seconds a streamed answer may take, at most the server's own limit."""

    model_config = ConfigDict(extra="forbid")

    message: str
    conversation_id: str | None = None
    collection: str | None = None
    top_k: int | None = Field(None, ge=1, le=50)
    stream_timeout: float | None = Field(None, gt=0)

    def request(self) -> ChatRequest:
        return ChatRequest(self.message, self.conversation_id, self.collection, self.top_k, self.stream_timeout)


class ChatView(AnswerView):
    """`message_id`: null where the server could not keep the exchange; `notes` then say why."""

    conversation_id: str | None
    message_id: str | None

    @classmethod
    def of(cls, chat: ChatResult) -> Self:
        return cls(
            **AnswerView.fields_of(chat.result), conversation_id=chat.conversation_id, message_id=chat.message_id
        )


class ConversationView(BaseModel):
    id: str
    title: str
    collection: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, conversation: Conversation) -> Self:
        return cls(
            id=conversation.id,
            title=conversation.title,
            collection=conversation.collection,
            created_at=conversation.created_at,
            updated_at=conversation.updated_at,
        )


class MessageView(BaseModel):
    id: str
    role: str
    content: str
    mode: str | None
    citations: list[dict[str, Any]]
    details: dict[str, Any]
    created_at: datetime

    @classmethod
    def of(cls, message: Message) -> Self:
        return cls(
            id=message.id,
            role=message.role,
            content=message.content,
            mode=message.mode,
            citations=message.citations,
            details=dict(message.details),
            created_at=message.created_at,
        )
