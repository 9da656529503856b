"""How each part of this server is looked at for its health."""

import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager

from ragkeeper.operations.health.models import ComponentState, ProbeResult
from ragkeeper.operations.health.ports import Probe
from ragkeeper.providers.chat.errors import ChatCrowded, ChatError, ChatRefused
from ragkeeper.providers.chat.port import ChatMessage, ChatModel, ChatReply
from ragkeeper.providers.chat.wrapped import WrappedChat
from ragkeeper.providers.embedding.guarded import GuardedEmbedder
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.providers.embedding.rules import steady
from ragkeeper.providers.resilience.board import Board
from ragkeeper.providers.resilience.models import State
from ragkeeper.retrieval.service import RetrievalService
from ragkeeper.retrieval.switching import SwitchableIndex
from ragkeeper.storage.cache.fallback import FallbackCache
from ragkeeper.storage.sql.database import Database

# How long what a call showed holds. Listing a provider's models is free but not ours to repeat at every look.
_MODEL_SECONDS = 30.0
_HEALTHY = ProbeResult(ComponentState.HEALTHY)
_ABSENT = ProbeResult(ComponentState.NOT_CONFIGURED)


class ObservedModel(WrappedChat):
    """A model whose calls tell how it is, so that it need not be asked apart."""

    def __init__(self, model: ChatModel) -> None:
        super().__init__(model)
        self._seen: float | None = None
        self._error: ChatError | None = None

    async def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float) -> ChatReply:
        with self._observed():
            return await self._model.complete(messages, max_tokens=max_tokens, temperature=temperature)

    async def stream(
        self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float
    ) -> AsyncGenerator[str, None]:
        with self._observed():
            pieces = self._model.stream(messages, max_tokens=max_tokens, temperature=temperature)
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece

    @property
    def well(self) -> bool:
        """Nobody called it yet, or the newest call went well."""
        return self._error is None

    async def check(self) -> None:
        """Raise what the newest call showed; ask the provider where that is too long ago."""
        if self._seen is None or time.monotonic() - self._seen >= _MODEL_SECONDS:
            await self._ask()
        if self._error is not None:
            raise self._error.with_traceback(None)

    async def _ask(self) -> None:
        self._note(None)  # however this one ends, the next is due after the time
        try:
            await self._model.check()
        except ChatError as error:
            self._note(error)

    @contextmanager
    def _observed(self) -> Iterator[None]:
        """Whatever else ends a call, a caller who goes away included, says nothing about the provider."""
        try:
            yield
        except (ChatRefused, ChatCrowded):
            raise  # the request may be at fault, or it was not even sent
        except ChatError as error:
            self._note(error)
            raise
        self._note(None)

    def _note(self, error: ChatError | None) -> None:
        self._seen, self._error = time.monotonic(), error


def observed(models: Sequence[ChatModel]) -> list[ChatModel]:
    return [ObservedModel(model) for model in models]


def usable(models: Sequence[ChatModel], board: Board) -> dict[tuple[str, str], bool]:
    """Whether each model of a provider can be used, by provider and model. models: `observed` ones."""
    found = {(model.name, model.model): model.well for model in models if isinstance(model, ObservedModel)}
    for guard in board.guards():
        key = (guard.key.provider, guard.key.model)
        found[key] = found.get(key, True) and guard.breaker.state is State.CLOSED
    return found


def probes(
    database: Database,
    retrieval: RetrievalService,
    index: SwitchableIndex,
    embedder: Embedder,
    models: Sequence[ChatModel],
    redis: FallbackCache | None = None,
) -> dict[str, Probe]:
    """models: `observed` ones; redis: None where none is set; retrieval: its searches tell how the index is."""
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
