"""A chat model behind a guard: it is not called while its breaker is open or its limit is used up."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from ragkeeper.providers.chat.errors import (
    ChatBreakerOpen,
    ChatBrokenStream,
    ChatCrowded,
    ChatError,
    ChatLimitReached,
    ChatPaused,
    ChatRateLimited,
    ChatTimedOut,
    ChatUnavailable,
)
from ragkeeper.providers.chat.port import ChatMessage, ChatModel, ChatReply
from ragkeeper.providers.chat.wrapped import WrappedChat
from ragkeeper.providers.resilience.guard import Guard, GuardedCall, NotCalled, Wording
from ragkeeper.providers.resilience.models import Judgement, Outcome

_REQUEST_TIMEOUT = 408
_SERVER_ERROR = 500
# How long what was seen holds. Listing a provider's models is free, but not ours to repeat at every look.
_SHOWN_SECONDS = 30.0


class GuardedChat(WrappedChat):
    """Implements the port around another model. Raises ChatBreakerOpen, ChatLimitReached and ChatPaused at once.

    slow_after: seconds until the first piece above which a call counts as slow.
    """

    def __init__(self, model: ChatModel, guard: Guard, slow_after: float = 15.0) -> None:
        super().__init__(model)
        self._guard = guard
        self._slow_after = slow_after
        self._wording = Wording(judge, refused)

    async def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float) -> ChatReply:
        """Reads a stream: a provider that hangs is noticed by the first piece, not by the time for a whole reply.

        Token counts are not known then.
        """
        async with aclosing(self.stream(messages, max_tokens=max_tokens, temperature=temperature)) as pieces:
            text = "".join([piece async for piece in pieces])
        return ChatReply(text=text, prompt_tokens=None, completion_tokens=None, finish_reason="stop")

    async def stream(
        self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float
    ) -> AsyncGenerator[str, None]:
        async with self._guard.call(self._wording, self._slow_after) as call:
            while True:
                pieces = self._model.stream(messages, max_tokens=max_tokens, temperature=temperature)
                async with aclosing(pieces), aclosing(self._heard(call, pieces)) as heard:
                    try:
                        async for piece in heard:
                            yield piece
                    except ChatError as error:
                        if not await call.again(error):
                            raise
                        continue
                return

    async def _heard(self, call: GuardedCall, pieces: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """The pieces; raises ChatTimedOut when the provider has gone silent for everybody before the first one."""
        try:
            piece = await call.first(anext(pieces, None))
        except TimeoutError as error:
            seconds = round(call.waited, 1)
            phase = "it has gone silent for everybody who asks"
            raise ChatTimedOut(provider=self.name, seconds=seconds, phase=phase) from error
        while piece is not None:
            call.begun()
            yield piece
            piece = await anext(pieces, None)

    async def check(self) -> None:
        """Raises what the newest call showed; asks the provider only where that is too long ago, which opens nothing.

        While the breaker is open it is not asked at all.
        """
        found = self._guard.refused()
        if found:
            raise refused(found)
        if not self._guard.saw_within(_SHOWN_SECONDS):
            await self._look()
        sign = self._guard.sign
        if sign is not None and sign.error is not None:
            raise sign.error.with_traceback(None)

    async def _look(self) -> None:
        before = self._guard.sign
        found: ChatError | None = None
        try:
            await super().check()
        except ChatError as error:
            found = error
        if self._guard.sign is before:  # a call that ended meanwhile knows better
            self._guard.saw(found)


def judge(error: BaseException) -> Judgement:
    """What an error says about the provider. A reply in time that is only refused says that it works."""
    if isinstance(error, ChatRateLimited):
        return Judgement(Outcome.THROTTLED, pause=error.retry_after)
    if isinstance(error, ChatTimedOut | ChatBrokenStream):
        return Judgement(Outcome.FAILURE)
    if isinstance(error, ChatUnavailable):
        status = error.provider_status
        ours = status is not None and status < _SERVER_ERROR and status != _REQUEST_TIMEOUT
        return Judgement(Outcome.IGNORED if ours else Outcome.FAILURE, may_pass=True)
    if isinstance(error, ChatError) and error.temporary:
        return Judgement(Outcome.FAILURE)
    return Judgement(Outcome.IGNORED)


def refused(found: NotCalled) -> ChatError:
    """A call that was not made, as an error."""
    provider, wait = found.key.provider, found.retry_after
    if found.crowded:
        return ChatCrowded(provider=provider, retry_after=wait)
    next_try = found.next_try.isoformat(timespec="seconds") if found.next_try else "when an administrator allows it"
    if found.since is not None:
        since = found.since.isoformat(timespec="seconds")
        return ChatBreakerOpen(provider=provider, since=since, next_try=next_try, retry_after=wait)
    if found.limit is None:
        return ChatPaused(provider=provider, next_try=next_try, retry_after=wait or 0.0)
    return ChatLimitReached(provider=provider, limit=found.limit, next_try=next_try, retry_after=wait or 0.0)
