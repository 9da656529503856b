"""How each part of this server is looked at for its health."""

import time
from collections.abc import Sequence

from ragkeeper.operations.health.models import ComponentState, ProbeResult
from ragkeeper.operations.health.ports import Probe
from ragkeeper.providers.chat.errors import ChatError
from ragkeeper.providers.chat.port import ChatModel
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.vectors.port import VectorIndex

# Listing a provider's models is free but not ours to repeat at every look.
_MODEL_SECONDS = 30.0
_HEALTHY = ProbeResult(ComponentState.HEALTHY)


def probes(database: Database, index: VectorIndex, embedder: Embedder, models: Sequence[ChatModel]) -> dict[str, Probe]:
    async def probe_database() -> ProbeResult:
        await database.check()
        return _HEALTHY

    async def probe_index() -> ProbeResult:
        await index.count()
        return _HEALTHY

    async def probe_embedder() -> ProbeResult:
        await embedder.embed_query("well?")
        return _HEALTHY

    async def probe_redis() -> ProbeResult:
        return ProbeResult(ComponentState.NOT_CONFIGURED)

    return {
        "database": probe_database,
        "redis": probe_redis,
        "vector_db": probe_index,
        "embedder": probe_embedder,
        "llm_service": _ModelProbe(models),
    }


class _ModelProbe:
    """Healthy when the first provider answers, degraded when a later one does; asks at most every 30 s."""

    def __init__(self, models: Sequence[ChatModel]) -> None:
        self._models = models
        self._result: ProbeResult | None = None
        self._asked = 0.0

    async def __call__(self) -> ProbeResult:
        if self._result is None or time.monotonic() - self._asked >= _MODEL_SECONDS:
            self._asked = time.monotonic()
            self._result = await self._ask()
        return self._result

    async def _ask(self) -> ProbeResult:
        if not self._models:
            return ProbeResult(ComponentState.NOT_CONFIGURED)
        reasons = []
        for model in self._models:
            try:
                await model.check()
            except ChatError as error:
                reasons.append(f"{model.name}: {error.message}")
                continue
            return ProbeResult(ComponentState.DEGRADED, "; ".join(reasons)) if reasons else _HEALTHY
        return ProbeResult(ComponentState.UNHEALTHY, "; ".join(reasons))
