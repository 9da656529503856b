"""What every chat model offers. One contract suite runs over all of them (tests/contract/chat)."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A whole reply. Token counts are the provider's own, None where it does not say.

    finish_reason: the provider's word, such as "stop" or "length" (cut off at max_tokens).
    """

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None
    finish_reason: str


class ChatModel(Protocol):
    """A model that continues a conversation.

    Every method raises only `ragkeeper.providers.chat.errors.ChatError` and its subclasses, and never tries twice by
    itself: what to do after a failure is for the caller, who knows the other providers.
    """

    @property
    def name(self) -> str:
        """The name the operator gave the provider, as in `RAG_LLM_PROVIDERS`."""

    @property
    def model(self) -> str:
        """The provider's name of the model."""

    async def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float) -> ChatReply:
        """The whole reply to `messages`."""

    def stream(
        self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float
    ) -> AsyncGenerator[str, None]:
        """The reply as it is written, in non-empty pieces.

        Nothing is sent before the first piece is asked for. Closing the generator (`aclose`, or cancelling the task
        that waits for a piece) ends the provider's call and closes its connection. A failure before the first piece
        raises what `complete` would raise; one after it raises `ChatBrokenStream`, or `ChatTimedOut` at the time limit.
        """

    async def check(self) -> None:
        """Return if the provider answers and knows the model, else raise what is wrong. Costs no tokens."""

    async def close(self) -> None:
        """Give back connections. The model cannot be used afterwards."""
