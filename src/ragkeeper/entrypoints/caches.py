"""Which caches there are: in Redis where the settings name one, else inside the process."""

import hashlib
from dataclasses import dataclass

from ragkeeper import __version__
from ragkeeper.answers.answer_cache import AnswerCache
from ragkeeper.answers.models import AnswerMode
from ragkeeper.answers.similar import SimilarQuestions
from ragkeeper.core.metrics import CACHE_HITS, CACHE_MISSES, Metrics
from ragkeeper.core.settings import SettingInvalid, Settings
from ragkeeper.core.spared import spare
from ragkeeper.operations.caches.models import CacheLimits
from ragkeeper.operations.caches.service import CacheService
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.retrieval.search_cache import SearchCache
from ragkeeper.retrieval.service import RetrievalService
from ragkeeper.storage.cache.fallback import FallbackCache
from ragkeeper.storage.cache.memory import MemoryCache
from ragkeeper.storage.cache.port import Cache, CacheKind, CacheTally

_MEGABYTE = 1_000_000
# Settings by which no answer differs; every other one stands in the keys of the cache.
_WITHOUT_EFFECT = frozenset(
    {"host", "port", "api_key", "metrics_token", "use_cache", "redis_url", "redis_password"}
    | {"otel_endpoint", "otel_headers", "log_level", "log_file", "log_max_mb", "log_keep_days", "log_keep_mb"}
    | {"cache_mb", "cache_search_seconds", "cache_answer_seconds", "semantic_cache"}
)


@dataclass(frozen=True, slots=True)
class Caches:
    """store: where values are kept; service: what operators do with them."""

    settings: Settings
    store: Cache
    tally: CacheTally
    service: CacheService

    def of_searches(self) -> SearchCache | None:
        if not self.settings.use_cache:
            return None
        return SearchCache(self.store, self.tally, settings_digest(self.settings), self.settings.cache_search_seconds)

    def of_answers(self, retrieval: RetrievalService, embedder: Embedder) -> AnswerCache | None:
        if not self.settings.use_cache:
            return None
        similar = SimilarQuestions(self.store, embedder) if self.settings.semantic_cache else None
        return AnswerCache(
            self.store,
            self.tally,
            retrieval,
            settings_digest(self.settings),
            self.settings.cache_answer_seconds,
            AnswerMode.FULL if self.settings.chat_providers else AnswerMode.EXTRACTIVE,
            similar,
        )

    @property
    def redis(self) -> FallbackCache | None:
        """None where the settings name no Redis."""
        return self.store if isinstance(self.store, FallbackCache) else None

    async def start(self) -> None:
        """Look whether Redis is there, so that the log of an outage begins before the first question."""
        if self.redis is not None:
            await self.redis.get(CacheKind.SEARCH, "0")


def open_caches(settings: Settings, metrics: Metrics) -> Caches:
    def count(kind: CacheKind, hit: bool) -> None:
        metrics.count(CACHE_HITS if hit else CACHE_MISSES, kind=kind.value)
        if hit:
            spare()

    store, tally = _store(settings), CacheTally(count)
    seconds = {
        CacheKind.SEARCH: settings.cache_search_seconds,
        CacheKind.ANSWER: settings.cache_answer_seconds,
        CacheKind.SEMANTIC: settings.cache_answer_seconds,
    }
    limits = CacheLimits(settings.use_cache, settings.cache_mb * _MEGABYTE, seconds)
    return Caches(settings, store, tally, CacheService(store, tally, limits))


def _store(settings: Settings) -> Cache:
    own = MemoryCache(settings.cache_mb * _MEGABYTE)
    if settings.redis_url is None:
        return own
    from ragkeeper.storage.cache.redis import RedisCache  # noqa: PLC0415 - only who has a Redis loads its client

    try:
        shared = RedisCache.connect(settings.redis_url.get_secret_value(), settings.redis_password.get_secret_value())
    except ValueError:
        # What the client says of an address may quote a password out of it.
        reason = "it is no address such as redis://host:6379/1; in a password @ : / are spelled %40 %3A %2F"
        raise SettingInvalid(name="REDIS_URL", reason=reason) from None
    return FallbackCache(shared, own)


def settings_digest(settings: Settings) -> str:
    """Of all that may change a result or an answer; secrets are masked in it."""
    text = settings.model_dump_json(exclude=set(_WITHOUT_EFFECT))
    return hashlib.sha256(f"{__version__} {text}".encode()).hexdigest()
