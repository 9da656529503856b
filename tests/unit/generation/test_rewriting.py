from ragkeeper.generation.rewriting import ModelRewriter
from ragkeeper.providers.chat.fake import FakeChat


async def test_a_follow_up_is_completed() -> None:
    model = FakeChat("How long is leave for fathers?")
    assert await ModelRewriter(model).standalone("And fathers?", ["How long is leave?"]) == (
        "How long is leave for fathers?"
    )
    assert "How long is leave?" in model.asked[0][-1].content


async def test_an_empty_reply_changes_nothing() -> None:
    rewriter = ModelRewriter(FakeChat(" \n"))
    assert await rewriter.standalone("Why?", ["x"]) == "Why?"
    assert await rewriter.hypothetical_answer("Why?") == "Why?"
    assert await rewriter.rephrasings("Why?") == []


async def test_wordings_come_one_a_line_without_their_bullets() -> None:
    rewriter = ModelRewriter(FakeChat("- leave length\n* how long off\n\nparental leave"))
    assert await rewriter.rephrasings("?") == ["leave length", "how long off", "parental leave"]
