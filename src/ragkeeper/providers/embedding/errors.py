from ragkeeper.core.errors import BadInput, Unavailable


class EmbedderUnavailable(Unavailable):
    """The embedding model {name} is not available: {reason}."""

    code = "embedder_unavailable"
    fix = "Search by words goes on without it. Check the model's files or its address and key, then try again."


class DimensionUnknown(EmbedderUnavailable):
    """How long the vectors of {name} are is not known yet, and its endpoint does not say it: {reason}."""

    code = "dimension_unknown"
    fix = "Bring the endpoint up, or set RAG_EMBEDDING_DIMENSION: with it the server starts, and texts wait for it."


class EmbedderTimedOut(EmbedderUnavailable):
    """The embedding model {name} did not answer within {seconds:g} seconds."""

    code = "embedder_timed_out"
    fix = "Search by words goes on without it. Raise the time limit, or use a faster endpoint."


class EmbedderRateLimited(EmbedderUnavailable):
    """The embedding endpoint of {name} is limiting requests."""

    code = "embedder_rate_limited"
    fix = "Wait; documents are embedded later by themselves, and search by words goes on."

    def __init__(self, *, name: str, retry_after: float | None = None) -> None:
        """retry_after: seconds to wait, None where nobody says."""
        super().__init__(name=name, retry_after=retry_after)
        self.retry_after = retry_after


class EmbedderRefused(EmbedderUnavailable):
    """The embedding endpoint of {name} refused the request: {reason}."""

    code = "embedder_refused"
    fix = "Check RAG_EMBEDDING_API_KEY and the model's name. Search by words goes on meanwhile."


class EmbedderBreakerOpen(EmbedderUnavailable):
    """The embedding endpoint of {name} is not called: its breaker has been open since {since}; next try {next_try}."""

    code = "embedder_breaker_open"
    members = ("provider", "since", "next_try")
    fix = (
        "It is tried again by itself; search by words goes on. `ragkeeper breaker list` says what failed; "
        "`ragkeeper breaker close {provider}` lets calls through at once."
    )

    def __init__(self, *, name: str, provider: str, since: str, next_try: str, retry_after: float | None) -> None:
        """since, next_try: times in ISO 8601, next_try in words where only an administrator can let calls through."""
        super().__init__(name=name, provider=provider, since=since, next_try=next_try, retry_after=retry_after)
        self.retry_after = retry_after


class EmbedderCrowded(EmbedderUnavailable):
    """The embedding endpoint of {name} was not asked: too many requests wait for it, so this one goes by words."""

    code = "embedder_crowded"
    fix = "Ask again in a moment. If it lasts, the endpoint is slow or hangs: `ragkeeper breaker list` shows its times."

    def __init__(self, *, name: str, retry_after: float | None) -> None:
        super().__init__(name=name, retry_after=retry_after)
        self.retry_after = retry_after


class WrongDimension(Unavailable):
    """The embedding model {name} returns vectors of {found} numbers where {expected} were expected."""

    code = "embedding_wrong_dimension"
    fix = "The configured model is not the one the vectors were made with: set the right one, or build the index again."


class TextRefused(BadInput):
    """The embedding model {name} refused a text: {reason}."""

    code = "embedding_text_refused"
    status = 422
    fix = "The text is found by its words. Look at what is special about it, or use another embedding model."


class TextTooLong(TextRefused):
    """A text of {tokens} tokens is longer than the {limit} that the embedding model {name} reads."""

    code = "embedding_text_too_long"
    status = 413
    fix = "Cut the text into parts of at most {limit} tokens; nothing is cut silently."
