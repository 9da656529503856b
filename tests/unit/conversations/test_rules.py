from datetime import UTC, datetime

from ragkeeper.conversations import rules
from ragkeeper.conversations.models import Message

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_title_is_the_first_question_cut_at_a_word() -> None:
    assert rules.title_of(" What\n is it? ") == "What is it?"
    title = rules.title_of("word " * 50)
    assert len(title) <= 81
    assert title.endswith("word…")


def test_citations_of_deleted_sources_lose_their_text() -> None:
    citations = [{"version": "a", "quote": "kept", "title": "A"}, {"version": "b", "quote": "gone", "title": "B"}]
    message = Message("1", "assistant", "text", "full", citations, {}, NOW)
    assert rules.cited_versions([message]) == {"a", "b"}
    kept, gone = rules.without_deleted(citations, {"a"})
    assert (kept["quote"], kept["source_deleted"]) == ("kept", False)
    assert (gone["quote"], gone["title"], gone["source_deleted"]) == ("", "source deleted", True)
