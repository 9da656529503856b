"""How each part of this server is looked at for its health."""

from collections.abc import Callable, Mapping, Sequence

from ragkeeper.operations.health.models import ComponentState, ProbeResult
from ragkeeper.operations.health.ports import Probe
from ragkeeper.providers.chat.errors import ChatError
from ragkeeper.providers.chat.port import ChatModel
from ragkeeper.providers.embedding.guarded import GuardedEmbedder
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.providers.embedding.rules import steady
from ragkeeper.retrieval.service import RetrievalService
from ragkeeper.retrieval.switching import SwitchableIndex
from ragkeeper.storage.cache.fallback import FallbackCache
from ragkeeper.storage.sql.database import Database

_HEALTHY = ProbeResult(ComponentState.HEALTHY)
_ABSENT = ProbeResult(ComponentState.NOT_CONFIGURED)


def probes(
    database: Database,
    retrieval: RetrievalService,
    index: SwitchableIndex,
    embedder: Embedder,
    models: Sequence[ChatModel],
    redis: FallbackCache | None = None,
) -> dict[str, Probe]:
    """models: guarded ones, whose calls tell how they are; redis: None where none is set.

    retrieval: its searches tell how the index is.
    """
    stores = _of_stores(database, retrieval, index, redis)
    return {"api": _probe_api, **stores, **_of_models(embedder, models)}


def worker_probe(loops: Callable[[], Mapping[str, str | None]], paused: Callable[[], bool]) -> Probe:
    """loops: the last error of each background loop; paused: whether somebody paused reading."""

    async def probe_worker() -> ProbeResult:
        failed = [f"{name}: {error}" for name, error in loops().items() if error]
        if failed:
            return ProbeResult(ComponentState.DEGRADED, "; ".join(failed), "loop_failed")
        if paused():
            reason = "reading was paused by hand: `ragkeeper jobs resume` goes on"
            return ProbeResult(ComponentState.DEGRADED, reason, "reading_paused")
        return _HEALTHY

    return probe_worker


async def _probe_api() -> ProbeResult:
    return _HEALTHY  # that this runs is the proof


def _of_stores(
    database: Database, retrieval: RetrievalService, index: SwitchableIndex, redis: FallbackCache | None
) -> dict[str, Probe]:
    async def probe_database() -> ProbeResult:
        await database.check()
        if (trouble := database.trouble) is not None:
            return ProbeResult(ComponentState.DEGRADED, trouble.message, trouble.code)
        return _HEALTHY

    async def probe_index() -> ProbeResult:
        if (trouble := retrieval.index_trouble) is not None:
            return ProbeResult(ComponentState.UNHEALTHY, trouble.reason, trouble.code)
        await index.count()
        if index.incomplete:
            return ProbeResult(
                ComponentState.DEGRADED, "it is being rebuilt: some passages are not found", "rebuilding"
            )
        return _HEALTHY

    async def probe_redis() -> ProbeResult:
        if redis is None:
            return _ABSENT
        await redis.check()
        return _HEALTHY

    return {"database": probe_database, "redis": probe_redis, "vector_db": probe_index}


def _of_models(embedder: Embedder, models: Sequence[ChatModel]) -> dict[str, Probe]:
    async def probe_embedder() -> ProbeResult:
        serving = steady(embedder)
        if isinstance(serving, GuardedEmbedder):
            await serving.check()  # a health check makes no call that may cost money
        else:
            await serving.embed_query("well?")
        return _HEALTHY

    async def probe_models() -> ProbeResult:
        return await _first_well(models)

    return {"embedder": probe_embedder, "llm_service": probe_models}


async def _first_well(models: Sequence[ChatModel]) -> ProbeResult:
    """Healthy when the first provider answers, degraded when a later one does."""
    if not models:
        return _ABSENT
    failures = []
    for model in models:
        try:
            await model.check()
        except ChatError as error:
            failures.append(error)
            continue
        return _unwell(ComponentState.DEGRADED, models, failures) if failures else _HEALTHY
    return _unwell(ComponentState.UNHEALTHY, models, failures)


def _unwell(state: ComponentState, models: Sequence[ChatModel], failures: Sequence[ChatError]) -> ProbeResult:
    reasons = [f"{model.name}: {error.message}" for model, error in zip(models, failures, strict=False)]
    return ProbeResult(state, "; ".join(reasons), failures[0].code)
