"""Questions that were asked in other words, and where their answers are kept."""

from collections.abc import Sequence

from pydantic import TypeAdapter, ValidationError

from ragkeeper.answers.same_question import NEAREST, asks_the_same
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.storage.cache.port import Cache, CacheKind

# The newest of a family of questions; the family is read as a whole.
_MOST = 200
_FAMILY = TypeAdapter(list[tuple[str, str]])


class SimilarQuestions:
    """One entry of the cache holds all questions of one scope: their texts, and the keys of their answers."""

    def __init__(self, cache: Cache, embedder: Embedder) -> None:
        self._cache = cache
        self._embedder = embedder

    async def find(self, family: str, question: str) -> str | None:
        """The key of the answer to the newest question that asks the same; words decide first, then vectors."""
        for text, key in await self._members(family):
            if text != question and asks_the_same(text, question) and await self._near([text, question]):
                return key
        return None

    async def add(self, family: str, question: str, key: str, seconds: float) -> None:
        """Two at once may lose one of the two questions, which is then asked anew."""
        others = [(text, known) for text, known in await self._members(family) if text != question]
        members = [(question, key), *others][:_MOST]
        await self._cache.set(CacheKind.SEMANTIC, family, _FAMILY.dump_json(members), seconds)

    async def _members(self, family: str) -> list[tuple[str, str]]:
        entry = await self._cache.get(CacheKind.SEMANTIC, family)
        if entry is None:
            return []
        try:
            return _FAMILY.validate_json(entry.value)
        except ValidationError:
            return []  # whoever wrote that: it is no list of questions

    async def _near(self, texts: Sequence[str]) -> bool:
        try:
            one, other = [await self._embedder.embed_query(text) for text in texts]
        except RagkeeperError:
            return False
        return float(one @ other) >= NEAREST
