"""What stands before each model of somebody else's: breakers, limits and retries as the settings say."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragkeeper.core.foreground import Foreground
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import SettingInvalid, Settings
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
from ragkeeper.providers.resilience.ports import CallLog, StateStore
from ragkeeper.providers.resilience.retries import RetryBudget, RetryPolicy

if TYPE_CHECKING:
    from ragkeeper.providers.resilience.link import Link

# Breakers are named after providers; the endpoint of RAG_EMBEDDING_BASE_URL has no name of its own.
_EMBEDDING = "embedding"


class Guards:
    """Makes them; `board` shows all there are."""

    def __init__(self, settings: Settings, metrics: Metrics, foreground: Foreground) -> None:
        self.board = Board()
        self._settings = settings
        self._foreground = foreground
        self._states, self._calls, self._link = _engines(settings)
        self._metrics = MetricsListener(metrics, self.board)
        self._listeners = (LogListener(), self._metrics)
        self._policy = BreakerPolicy(
            failures=settings.breaker_failures,
            failure_rate=settings.breaker_failure_rate,
            slow_rate=settings.breaker_slow_rate,
            open_seconds=settings.breaker_open_seconds,
        )

    async def start(self) -> None:
        """Learn what other processes know; with no Redis, or while it is away, there is nothing to learn."""
        if self._link is not None:
            await self._link.start()

    async def close(self) -> None:
        if self._link is not None:
            await self._link.close()

    def chat(self, models: Sequence[ChatModel]) -> list[ChatModel]:
        """The models of the settings, in their order, each behind its guard."""
        guarded: list[ChatModel] = []
        for model, provider in zip(models, self._settings.chat_providers, strict=True):
            key = BreakerKey(provider.name, provider.model, "chat")
            guard = self._guard(key, provider.requests_per_minute, provider.status_page)
            guarded.append(GuardedChat(model, guard, with_model(self._settings, provider).first_token / 2))
        return guarded

    async def open_embedder(self, name: str, dimension: int | None = None) -> Embedder:
        """As `engines.open_embedder`, and raises what that does. Local ones need no guard."""
        embedder = await engines.open_embedder(self._settings, name, self._foreground, dimension)
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


def _engines(settings: Settings) -> tuple[StateStore, CallLog, "Link | None"]:
    """In Redis where the settings name one, with those of the process in their place while it is away."""
    if settings.redis_url is None:
        return LocalStates(), LocalCalls(), None
    from ragkeeper.providers.resilience.link import Link  # noqa: PLC0415 - only who has a Redis loads its client
    from ragkeeper.providers.resilience.shared import SharedCalls, SharedStates  # noqa: PLC0415 - the same

    try:
        link = Link.connect(settings.redis_url.get_secret_value(), settings.redis_password.get_secret_value())
    except ValueError:
        # What the client says of an address may quote a password out of it.
        reason = "it is no address such as redis://host:6379/1; in a password @ : / are spelled %40 %3A %2F"
        raise SettingInvalid(name="REDIS_URL", reason=reason) from None
    scope = _scope(settings)
    return SharedStates(link, scope), SharedCalls(link, scope), link


def _scope(settings: Settings) -> str:
    """Servers that call the same addresses by the same names share what they know of them."""
    named = sorted((provider.name, provider.base_url) for provider in settings.chat_providers)
    return hashlib.sha256(repr([*named, settings.embedding_base_url]).encode()).hexdigest()[:12]
