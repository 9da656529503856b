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


class ChatTimedOut(ChatError):
    """The model provider {provider} did not finish within {seconds:g} seconds ({phase})."""

    code = "chat_timed_out"
    status = 504
    fix = "Try again; if it keeps happening use a faster model or raise the time limit."


class ChatRateLimited(ChatError):
    """The model provider {provider} is limiting requests."""

    code = "chat_rate_limited"
    status = 503
    fix = "Wait, or add a second provider to RAG_LLM_PROVIDERS."

    def __init__(self, *, provider: str, retry_after: float | None = None) -> None:
        """retry_after: seconds the provider asks to wait, None where it does not say."""
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
