"""How a cache that lies outside of the process fails."""

from ragkeeper.core.errors import Unavailable


class CacheUnavailable(Unavailable):
    """Redis cannot be used: {reason}."""

    code = "cache_unavailable"
    fix = "Nothing is lost: answers go on without it. Start Redis, or check REDIS_URL and REDIS_PASSWORD."
