"""How a chat provider can fail. Each says whether another provider, or another moment, may help."""

from typing import ClassVar

from ragkeeper.core.errors import RagkeeperError


class ChatError(RagkeeperError):
    """The model provider {provider} failed."""

    code = "chat_failed"
    status = 502
    fix = "Look at the provider's own status; `ragkeeper status` shows which answer mode is in use meanwhile."
    temporary: ClassVar[bool] = True


class ChatUnavailable(ChatError):
    """The model provider {provider} is not available: {reason}."""

    code = "chat_unavailable"
    status = 503
    fix = "Check that {provider} runs and that its address in RAG_LLM_<NAME>_BASE_URL is right."
    provider_status: int | None = None
    """The HTTP status with which it said so, None where it did not get so far."""


class ChatBreakerOpen(ChatUnavailable):
    """The model provider {provider} is not called: its breaker has been open since {since}; next try {next_try}."""

    code = "chat_breaker_open"
    members = ("provider", "since", "next_try")
    fix = (
        "It is tried again by itself. `ragkeeper breaker list` says what failed; `ragkeeper breaker close {provider}` "
        "lets calls through at once. The page operate/model-provider-fails tells more."
    )

    def __init__(self, *, provider: str, since: str, next_try: str, retry_after: float | None) -> None:
        """since, next_try: times in ISO 8601, next_try in words where only an administrator can let calls through.

        retry_after: seconds until the next try, None when only an administrator can tell.
        """
        super().__init__(provider=provider, since=since, next_try=next_try, retry_after=retry_after)
        self.retry_after = retry_after


class ChatTimedOut(ChatError):
    """The model provider {provider} did not finish within {seconds:g} seconds ({phase})."""

    code = "chat_timed_out"
    status = 504
    fix = (
        "Try again; if it keeps happening use a faster model, or raise RAG_FIRST_TOKEN_TIMEOUT, RAG_NEXT_TOKEN_TIMEOUT "
        "or RAG_MODEL_TIMEOUT, as the limit in brackets says."
    )


class ChatRateLimited(ChatError):
    """The model provider {provider} is limiting requests."""

    code = "chat_rate_limited"
    status = 503
    fix = "Wait, or add a second provider to RAG_LLM_PROVIDERS."

    def __init__(self, *, provider: str, retry_after: float | None = None, **fields: object) -> None:
        """retry_after: seconds the provider asks to wait, None where it does not say."""
        super().__init__(provider=provider, retry_after=retry_after, **fields)
        self.retry_after = retry_after


class ChatLimitReached(ChatRateLimited):
    """The limit of {limit} requests a minute to {provider} is used up and too many wait; next try {next_try}."""

    code = "chat_limit_reached"
    members = ("provider", "limit", "next_try")
    fix = (
        "Ask again then. RAG_LLM_<NAME>_REQUESTS_PER_MINUTE sets the limit, RAG_MODEL_QUEUE_SECONDS how long a call "
        "waits for its turn; a second provider in RAG_LLM_PROVIDERS takes over meanwhile."
    )

    def __init__(self, *, provider: str, limit: int, next_try: str, retry_after: float) -> None:
        """next_try: a time in ISO 8601; retry_after: the same in seconds."""
        super().__init__(provider=provider, retry_after=retry_after, limit=limit, next_try=next_try)


class ChatPaused(ChatRateLimited):
    """The model provider {provider} asked for no calls until {next_try}."""

    code = "chat_paused"
    members = ("provider", "next_try")

    def __init__(self, *, provider: str, next_try: str, retry_after: float) -> None:
        """next_try: a time in ISO 8601; retry_after: the same in seconds."""
        super().__init__(provider=provider, retry_after=retry_after, next_try=next_try)


class ChatCrowded(ChatUnavailable):
    """The model provider {provider} was not asked: too many requests wait for it, so this one goes on without it."""

    code = "chat_crowded"
    fix = "Ask again in a moment. If it lasts, the provider is slow or hangs: `ragkeeper breaker list` shows its times."

    def __init__(self, *, provider: str, retry_after: float | None) -> None:
        super().__init__(provider=provider, retry_after=retry_after)
        self.retry_after = retry_after


class ChatRefused(ChatError):
    """The model provider {provider} refused the request with status {provider_status}: {reason}."""

    code = "chat_refused"
    status = 502
    fix = "Check the key (RAG_LLM_<NAME>_API_KEY) and the model (RAG_LLM_<NAME>_MODEL) of {provider}."
    temporary = False


class ChatModelUnknown(ChatError):
    """The model provider {provider} does not offer the model {model}; it offers: {offered}."""

    code = "chat_model_unknown"
    status = 502
    fix = "Set RAG_LLM_<NAME>_MODEL of {provider} to one of them."
    temporary = False


class ChatBrokenStream(ChatError):
    """The model provider {provider} broke off in the middle of its reply: {reason}."""

    code = "chat_broken_stream"
    status = 502
    fix = "Ask again."
