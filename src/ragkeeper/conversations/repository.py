"""Every query about conversations and messages; each names the user whose they are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.conversations.models import Conversation, Message
from ragkeeper.storage.sql.prepared import Insert
from ragkeeper.storage.sql.tables import chat_history, conversations


async def find_conversation(sql: AsyncConnection, conversation_id: str, user_id: str) -> Conversation | None:
    query = select(conversations).where(conversations.c.id == conversation_id, conversations.c.user_id == user_id)
    row = (await sql.execute(query)).first()
    return _conversation(row) if row else None


async def list_conversations(
    sql: AsyncConnection, user_id: str, *, after: str | None, limit: int
) -> list[Conversation]:
    query = select(conversations).where(conversations.c.user_id == user_id)
    if after:
        query = query.where(conversations.c.id < after)
    rows = await sql.execute(query.order_by(conversations.c.id.desc()).limit(limit))
    return [_conversation(row) for row in rows]


async def touch_conversation(sql: AsyncConnection, conversation_id: str, now: datetime) -> bool:
    """False when it was deleted meanwhile."""
    found = await sql.execute(update(conversations).where(conversations.c.id == conversation_id).values(updated_at=now))
    return found.rowcount > 0


async def remove_conversation(sql: AsyncConnection, conversation_id: str, user_id: str) -> bool:
    found = await sql.execute(
        delete(conversations).where(conversations.c.id == conversation_id, conversations.c.user_id == user_id)
    )
    return found.rowcount > 0


async def list_messages(
    sql: AsyncConnection, conversation_id: str, user_id: str, *, after: str = "", limit: int
) -> list[Message]:
    """Oldest first, from the id after `after`."""
    query = (
        select(chat_history)
        .where(
            chat_history.c.conversation_id == conversation_id,
            chat_history.c.user_id == user_id,
            chat_history.c.id > after,
        )
        .order_by(chat_history.c.id)
        .limit(limit)
    )
    return [_message(row) for row in await sql.execute(query)]


async def newest_messages(sql: AsyncConnection, conversation_id: str, user_id: str, limit: int) -> list[Message]:
    """The last `limit` messages, oldest first."""
    query = (
        select(chat_history)
        .where(chat_history.c.conversation_id == conversation_id, chat_history.c.user_id == user_id)
        .order_by(chat_history.c.id.desc())
        .limit(limit)
    )
    return [_message(row) for row in await sql.execute(query)][::-1]


def conversation_row(conversation: Conversation) -> Insert:
    row = {
        "id": conversation.id,
        "user_id": conversation.user_id,
        "title": conversation.title,
        "collection": conversation.collection,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
    }
    return Insert(conversations, [row])


def message_rows(conversation_id: str, user_id: str, messages: Sequence[Message]) -> Insert:
    rows = [
        {
            "id": message.id,
            "conversation_id": conversation_id,
            "user_id": user_id,
            "role": message.role,
            "content": message.content,
            "mode": message.mode,
            "citations": message.citations,
            "details": dict(message.details),
            "created_at": message.created_at,
        }
        for message in messages
    ]
    return Insert(chat_history, rows)


def _conversation(row: Row[Any]) -> Conversation:
    return Conversation(
        id=row.id,
        user_id=row.user_id,
        title=row.title,
        collection=row.collection,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _message(row: Row[Any]) -> Message:
    return Message(
        id=row.id,
        role=row.role,
        content=row.content,
        mode=row.mode,
        citations=row.citations,
        details=row.details,
        created_at=row.created_at,
    )
