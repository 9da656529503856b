"""What stands before each model of somebody else's: breakers, limits and retries as the settings say."""

from collections.abc import Sequence

from ragkeeper.core.foreground import Foreground
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import Settings
from ragkeeper.entrypoints import engines
from ragkeeper.entrypoints.patience import with_model
from ragkeeper.providers.chat.guarded import GuardedChat
from ragkeeper.providers.chat.port import ChatModel
from ragkeeper.providers.embedding.guarded import GuardedEmbedder
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.providers.resilience.board import Board
from ragkeeper.providers.resilience.breaker import CircuitBreaker
from ragkeeper.providers.resilience.guard import Guard
from ragkeeper.providers.resilience.limit import CallLimit
from ragkeeper.providers.resilience.listeners import LogListener
from ragkeeper.providers.resilience.local import LocalCalls, LocalStates
from ragkeeper.providers.resilience.metered import MetricsListener
from ragkeeper.providers.resilience.models import BreakerKey, BreakerPolicy
from ragkeeper.providers.resilience.retries import RetryBudget, RetryPolicy

# Breakers are named after providers; the endpoint of RAG_EMBEDDING_BASE_URL has no name of its own.
_EMBEDDING = "embedding"


class Guards:
    """Makes them; `board` shows all there are."""

    def __init__(self, settings: Settings, metrics: Metrics, foreground: Foreground) -> None:
        self.board = Board()
        self._settings = settings
        self._foreground = foreground
        self._states = LocalStates()
        self._calls = LocalCalls()
        self._metrics = MetricsListener(metrics, self.board)
        self._listeners = (LogListener(), self._metrics)
        self._policy = BreakerPolicy(
            failures=settings.breaker_failures,
            failure_rate=settings.breaker_failure_rate,
            slow_rate=settings.breaker_slow_rate,
            open_seconds=settings.breaker_open_seconds,
        )

    def chat(self, models: Sequence[ChatModel]) -> list[ChatModel]:
        """The models of the settings, in their order, each behind its guard."""
        guarded: list[ChatModel] = []
        for model, provider in zip(models, self._settings.chat_providers, strict=True):
            key = BreakerKey(provider.name, provider.model, "chat")
            guard = self._guard(key, provider.requests_per_minute, provider.status_page)
            guarded.append(GuardedChat(model, guard, with_model(self._settings, provider).first_token / 2))
        return guarded

    async def open_embedder(self, name: str) -> Embedder:
        """In the words of RAG_EMBEDDING_MODEL; raises what `engines.open_embedder` does. Local ones need no guard."""
        embedder = await engines.open_embedder(self._settings, name, self._foreground)
        kind, _, model = name.partition(":")
        if kind != "openai":
            return embedder
        guard = self._guard(BreakerKey(_EMBEDDING, model, "embed"))
        slow = self._settings.embedding_timeout / 2
        return GuardedEmbedder(embedder, guard, self._settings.query_embedding_timeout, slow)

    def _guard(self, key: BreakerKey, per_minute: int | None = None, status_page: str | None = None) -> Guard:
        def make() -> Guard:
            clock = self._states.now
            self._metrics.begin(key)
            return Guard(
                CircuitBreaker(key, self._policy, self._states, self._listeners),
                CallLimit(key.name, per_minute, self._calls, clock, queue_seconds=self._settings.model_queue_seconds),
                RetryBudget(RetryPolicy(), clock),
                listeners=self._listeners,
                status_page=status_page,
            )

        return self.board.guard(key, make)
