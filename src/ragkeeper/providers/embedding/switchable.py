"""The embedder as everybody holds it: one serves, another may stand beside it, and they change over at once."""

from collections.abc import Sequence

from ragkeeper.providers.embedding.port import Embedder, Vectors


class SwitchableEmbedder:
    """Implements the port. What takes several calls that belong together asks `steady` for one embedder first.

    While there are two, texts are cut for the one that reads less, so that both can embed every chunk.
    """

    def __init__(self, serving: Embedder, beside: Embedder | None = None) -> None:
        self._serving = serving
        self._beside = beside

    @property
    def serving(self) -> Embedder:
        return self._serving

    @property
    def beside(self) -> Embedder | None:
        return self._beside

    def stand_beside(self, embedder: Embedder | None) -> Embedder | None:
        """Returns the one that stood there, which is the caller's to close."""
        before, self._beside = self._beside, embedder
        return before

    def switch(self) -> None:
        """Let the one beside serve, and the one that served stand beside. Without one there, nothing happens."""
        if self._beside is not None:
            self._serving, self._beside = self._beside, self._serving

    @property
    def name(self) -> str:
        return self._serving.name

    @property
    def dimension(self) -> int:
        return self._serving.dimension

    @property
    def max_tokens(self) -> int:
        return self._narrowest.max_tokens

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        return self._narrowest.token_offsets(text)

    async def embed_documents(self, texts: Sequence[str]) -> Vectors:
        return await self._serving.embed_documents(texts)

    async def embed_now(self, texts: Sequence[str]) -> Vectors:
        return await self._serving.embed_now(texts)

    async def embed_query(self, text: str) -> Vectors:
        return await self._serving.embed_query(text)

    async def close(self) -> None:
        for embedder in filter(None, (self._serving, self._beside)):
            await embedder.close()

    @property
    def _narrowest(self) -> Embedder:
        if self._beside is None or self._serving.max_tokens <= self._beside.max_tokens:
            return self._serving
        return self._beside
