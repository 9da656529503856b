import pytest

from ragkeeper.providers.embedding.errors import EmbedderUnavailable
from ragkeeper.providers.embedding.fake import FakeEmbedder


async def test_shared_words_are_near_and_others_are_not() -> None:
    fake = FakeEmbedder(dimension=256)
    one, near, far = await fake.embed_documents(["red apple pie", "a red apple", "fast blue car"])
    assert one @ near > 0.5
    assert one @ far < 0.3


async def test_gives_the_same_vector_in_every_process() -> None:
    first = (await FakeEmbedder(dimension=8).embed_query("stable")).round(3).tolist()
    assert max(map(abs, first)) == 1.0
    assert first == (await FakeEmbedder(dimension=8).embed_query("STABLE")).round(3).tolist()


async def test_remembers_what_it_embedded_and_fails_on_demand() -> None:
    fake = FakeEmbedder()
    await fake.embed_documents(["a", "b"])
    assert fake.embedded == ["a", "b"]
    fake.fails = EmbedderUnavailable(name="fake", reason="told to")
    with pytest.raises(EmbedderUnavailable, match="told to"):
        await fake.embed_documents(["c"])
    assert fake.embedded == ["a", "b"]
