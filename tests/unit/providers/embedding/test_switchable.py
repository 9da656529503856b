from ragkeeper.providers.embedding.fake import FakeEmbedder
from ragkeeper.providers.embedding.rules import steady
from ragkeeper.providers.embedding.switchable import SwitchableEmbedder


async def test_calls_go_to_the_one_that_serves() -> None:
    one, two = FakeEmbedder(4, name="one"), FakeEmbedder(8, name="two")
    pair = SwitchableEmbedder(one)
    assert (pair.name, pair.dimension, (await pair.embed_query("a")).shape) == ("one", 4, (4,))
    assert pair.stand_beside(two) is None
    pair.switch()
    assert (pair.name, pair.dimension, (await pair.embed_documents(["a"])).shape) == ("two", 8, (1, 8))
    assert (await pair.embed_now(["a"])).shape == (1, 8)
    assert (pair.serving, pair.beside) == (two, one)


async def test_switching_without_another_changes_nothing() -> None:
    pair = SwitchableEmbedder(FakeEmbedder(4, name="one"))
    pair.switch()
    assert (pair.name, pair.beside) == ("one", None)


async def test_texts_are_cut_for_the_one_that_reads_less() -> None:
    wide, narrow = FakeEmbedder(max_tokens=500, name="wide"), FakeEmbedder(max_tokens=100, name="narrow")
    assert [SwitchableEmbedder(*pair).max_tokens for pair in ((wide, narrow), (narrow, wide))] == [100, 100]
    assert SwitchableEmbedder(wide).max_tokens == 500
    assert SwitchableEmbedder(wide, narrow).token_offsets("a b") == [(0, 1), (2, 3)]


async def test_both_are_closed() -> None:
    one, two = FakeEmbedder(), FakeEmbedder()
    await SwitchableEmbedder(one, two).close()
    assert one.closed
    assert two.closed


async def test_steady_is_the_one_that_serves_now() -> None:
    one, two = FakeEmbedder(name="one"), FakeEmbedder(name="two")
    pair = SwitchableEmbedder(one, two)
    held = steady(pair)
    pair.switch()
    assert (held.name, steady(pair).name, steady(one)) == ("one", "two", one)
