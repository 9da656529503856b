"""What a start warms, so that the first question is as quick as those after it."""

from collections.abc import Sequence
from pathlib import Path

from structlog.testing import capture_logs

from ragkeeper.core.errors import Unavailable
from ragkeeper.providers.embedding.fake import FakeEmbedder
from ragkeeper.providers.embedding.port import Vectors
from ragkeeper.retrieval.models import SearchRequest
from ragkeeper.retrieval.service import RetrievalService
from tests.wired import ADMIN, OPTIONS, Wired, wired


class SlowAtFirst:
    """Loads what it needs when it is warmed, or else at its first judgement."""

    name = "slow at first"

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.done: list[str] = []

    async def warm(self) -> None:
        if self.away:
            raise Unavailable(part="the reranker", reason="away")
        self.done.append("load")

    async def score(self, query: str, texts: Sequence[str]) -> list[float]:
        if self.away:
            raise Unavailable(part="the reranker", reason="away")
        if "load" not in self.done:
            self.done.append("load")
        self.done.append("score")
        return [0.5] * len(texts)


class Listening(FakeEmbedder):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def embed_query(self, text: str) -> Vectors:
        self.asked.append(text)
        return await super().embed_query(text)


def with_reranker(product: Wired, reranker: SlowAtFirst) -> RetrievalService:
    return RetrievalService(
        product.database, product.generations, product.embedder, product.documents, OPTIONS, reranker=reranker
    )


async def test_reranker_and_embedder_are_warm_before_the_first_question(tmp_path: Path):
    embedder = Listening()
    async with wired(tmp_path, embedder=embedder) as product:
        reranker = SlowAtFirst()
        await with_reranker(product, reranker).warm()
        assert reranker.done == ["load"]
        assert embedder.asked == ["warm up"]


async def test_a_reranker_that_is_away_does_not_keep_the_server_from_starting(tmp_path: Path):
    async with wired(tmp_path) as product:
        await product.add("a.txt", "The bell is rung.")
        await product.settle()
        retrieval = with_reranker(product, SlowAtFirst(away=True))
        with capture_logs() as logs:
            await retrieval.warm()
        assert [record["event"] for record in logs] == ["reranker_not_warmed"]
        assert len((await product.search("bell", ADMIN)).hits) == 1


async def test_a_reranking_that_failed_long_ago_says_nothing_of_now(tmp_path: Path):
    """On a server that nobody asks it would be shown as degraded for ever."""
    async with wired(tmp_path) as product:
        await product.add("a.txt", "The bell is rung.")
        await product.settle()
        passed = [0.0]
        retrieval = RetrievalService(
            product.database,
            product.generations,
            product.embedder,
            product.documents,
            OPTIONS,
            reranker=SlowAtFirst(away=True),
            monotonic=lambda: passed[0],
        )
        assert (await retrieval.search(ADMIN, SearchRequest("bell"))).without_reranking
        passed[0] += 59
        assert retrieval.reranker_trouble
        passed[0] += 1
        assert retrieval.reranker_trouble is None
