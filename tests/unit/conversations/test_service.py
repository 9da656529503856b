import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from ragkeeper.answers.errors import StreamTimedOut
from ragkeeper.answers.models import AnswerMode, Token, Turn
from ragkeeper.answers.service import AnswerOptions, AnswerService
from ragkeeper.conversations.errors import ConversationUnknown
from ragkeeper.conversations.models import ChatRequest, ChatResult
from ragkeeper.conversations.service import ConversationService
from ragkeeper.core.clock import utc_now
from ragkeeper.core.errors import Unavailable
from ragkeeper.generation.extractive import ExtractiveAnswerer
from ragkeeper.generation.models import Answer, Passage
from ragkeeper.retrieval.errors import QueryEmpty
from ragkeeper.storage.sql.errors import DatabaseBusy
from tests.wired import ADMIN, Wired, user, wired

ASKED = ChatRequest("How long does parental leave last?")


def service(product: Wired) -> ConversationService:
    extractor = ExtractiveAnswerer(product.embedder, threshold=0)
    answers = AnswerService(product.retrieval, extractor, [], AnswerOptions(5, 5))
    return ConversationService(product.database, answers, product.retrieval, utc_now)


class HangingWriter:
    """Writes one word, then nothing more."""

    name = model = "slow"

    async def answer(self, question: str, passages: Sequence[Passage], history: Sequence[Turn]) -> Answer:
        raise NotImplementedError

    async def stream(
        self, question: str, passages: Sequence[Passage], history: Sequence[Turn]
    ) -> AsyncGenerator[str | Answer, None]:
        yield "Twelve"
        await asyncio.sleep(60)


async def filled(product: Wired) -> str:
    added = await product.add("leave.md", "Parental leave lasts twelve weeks. Ask the people team.")
    await product.settle()
    return added.id


async def test_question_and_answer_are_remembered_in_order(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        chats = service(product)
        first = await chats.ask(ADMIN, ASKED)
        await chats.ask(ADMIN, ChatRequest("Whom do I ask?", conversation_id=first.conversation_id))
        messages = await chats.messages(ADMIN, first.conversation_id, after="", limit=10)
        assert [message.role for message in messages] == ["user", "assistant"] * 2
        assert messages[1].id == first.message_id
        assert messages[1].mode == "extractive"
        [conversation] = await chats.find_all(ADMIN, after=None, limit=10)
        assert conversation.title == ASKED.message


async def test_a_stream_ends_with_what_was_remembered(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        chats = service(product)
        events = [event async for event in chats.stream(ADMIN, ASKED)]
        last = events[-1]
        assert isinstance(last, ChatResult)
        assert any(isinstance(event, Token) for event in events)
        assert len(await chats.messages(ADMIN, last.conversation_id, after="", limit=10)) == 2


async def test_a_reply_that_runs_out_of_time_is_remembered_as_unfinished(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        extractor = ExtractiveAnswerer(product.embedder, threshold=0)
        answers = AnswerService(product.retrieval, extractor, [HangingWriter()], AnswerOptions(5, 0.3))
        chats = ConversationService(product.database, answers, product.retrieval, utc_now)
        with pytest.raises(StreamTimedOut, match="still generating"):
            _ = [event async for event in chats.stream(ADMIN, ASKED)]
        [conversation] = await chats.find_all(ADMIN, after=None, limit=10)
        asked, answered = await chats.messages(ADMIN, conversation.id, after="", limit=10)
        assert (asked.content, answered.content, answered.mode) == (ASKED.message, "Twelve", None)
        assert answered.details == {"unfinished": True, "code": "TIMEOUT"}


async def test_what_fails_is_not_remembered(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        chats = service(product)
        with pytest.raises(QueryEmpty):
            await chats.ask(ADMIN, ChatRequest("  "))
        assert await chats.find_all(ADMIN, after=None, limit=10) == []


async def test_a_chat_belongs_to_its_user(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        chats = service(product)
        mine = await chats.ask(ADMIN, ASKED)
        eve = user("eve")
        with pytest.raises(ConversationUnknown):
            await chats.messages(eve, mine.conversation_id, after="", limit=10)
        with pytest.raises(ConversationUnknown):
            await chats.ask(eve, ChatRequest("And?", conversation_id=mine.conversation_id))
        with pytest.raises(ConversationUnknown):
            await chats.delete(eve, mine.conversation_id)
        await chats.delete(ADMIN, mine.conversation_id)
        with pytest.raises(ConversationUnknown):
            await chats.get(ADMIN, mine.conversation_id)


async def test_a_deleted_source_is_not_shown_in_old_messages(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        document = await filled(product)
        chats = service(product)
        chat = await chats.ask(ADMIN, ASKED)
        await product.deletions.delete(ADMIN, document)
        answered = (await chats.messages(ADMIN, chat.conversation_id, after="", limit=10))[1]
        assert answered.citations
        assert "twelve weeks" not in answered.content
        assert all(citation["source_deleted"] and not citation["quote"] for citation in answered.citations)


async def test_a_list_of_titles_goes_with_what_it_lists(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        document = await filled(product)
        extractor = ExtractiveAnswerer(product.embedder, threshold=0)
        answers = AnswerService(
            product.retrieval, extractor, [], AnswerOptions(5, 5), best=lambda: AnswerMode.SEARCH_ONLY
        )
        chats = ConversationService(product.database, answers, product.retrieval, utc_now)
        chat = await chats.ask(ADMIN, ASKED)
        assert "[1] " in (await chats.messages(ADMIN, chat.conversation_id or "", after="", limit=10))[1].content
        await product.deletions.delete(ADMIN, document)
        listed = (await chats.messages(ADMIN, chat.conversation_id or "", after="", limit=10))[1]
        assert listed.content == "A source of this answer was deleted."


async def test_an_answer_is_given_where_it_cannot_be_kept(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        chats = service(product)
        kept = await chats.ask(ADMIN, ASKED)
        async with product.database.write() as sql:
            await sql.execute(text("PRAGMA query_only=1"))
        lost = await chats.ask(ADMIN, ASKED)
        assert "twelve weeks" in lost.result.answer.text
        assert (lost.conversation_id, lost.message_id) == (None, None)
        assert "was not kept" in lost.result.notes[-1]
        again = await chats.ask(ADMIN, ChatRequest("And who decides?", conversation_id=kept.conversation_id))
        assert (again.conversation_id, again.message_id) == (kept.conversation_id, None)
        [*_, last] = [event async for event in chats.stream(ADMIN, ASKED)]
        assert isinstance(last, ChatResult)
        assert last.message_id is None
        assert len(await chats.messages(ADMIN, kept.conversation_id or "", after="", limit=10)) == 2


async def test_no_answer_waits_for_a_database_that_is_known_to_take_nothing(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        product.database.trouble = DatabaseBusy(reason="a copy is made")
        async with product.database.write():  # whoever looks whether it does again
            chat = await asyncio.wait_for(service(product).ask(ADMIN, ASKED), 5)
        assert chat.message_id is None
        assert "a copy is made" in chat.result.notes[-1]


async def test_nothing_is_kept_while_that_is_refused(tmp_path: Path) -> None:
    async with wired(tmp_path) as product:
        await filled(product)
        answers = AnswerService(
            product.retrieval, ExtractiveAnswerer(product.embedder, threshold=0), [], AnswerOptions(5, 5)
        )
        refusal = Unavailable(part="Storing", reason="spring cleaning")
        chats = ConversationService(product.database, answers, product.retrieval, utc_now, lambda: refusal)
        told = await chats.ask(ADMIN, ASKED)
        assert told.message_id is None
        assert "spring cleaning" in told.result.notes[-1]
        assert await chats.find_all(ADMIN, after=None, limit=10) == []
