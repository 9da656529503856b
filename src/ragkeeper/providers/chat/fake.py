"""A chat model that says what a test wrote down for it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

from ragkeeper.providers.chat.errors import ChatError
from ragkeeper.providers.chat.port import ChatMessage, ChatReply


@dataclass(frozen=True, slots=True)
class Line:
    """One scripted reply: its pieces, each after `delay` seconds, then `error` if there is one."""

    pieces: tuple[str, ...] = ()
    error: ChatError | None = None
    delay: float = 0.0


Script = Callable[[Sequence[ChatMessage]], Line]


def says(*pieces: str) -> Line:
    return Line(pieces=pieces)


class FakeChat:
    """Replies from a list of lines, in order (the last one for ever), or from a function of the messages.

    `asked` holds the messages of every call; `open_streams` counts streams begun and not yet ended.
    """

    def __init__(self, *lines: Line | str, script: Script | None = None, name: str = "fake", model: str = "m") -> None:
        self._lines = [says(line) if isinstance(line, str) else line for line in lines] or [Line()]
        self._script = script or self._next_line
        self._name = name
        self._model = model
        self.asked: list[list[ChatMessage]] = []
        self.open_streams = 0
        self.closed = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def model(self) -> str:
        return self._model

    async def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float) -> ChatReply:
        text = "".join([piece async for piece in self.stream(messages, max_tokens=max_tokens, temperature=temperature)])
        return ChatReply(text=text, prompt_tokens=None, completion_tokens=None, finish_reason="stop")

    async def stream(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,  # noqa: ARG002 - part of the port
        temperature: float,  # noqa: ARG002 - part of the port
    ) -> AsyncGenerator[str, None]:
        self.asked.append(list(messages))
        line = self._script(messages)
        self.open_streams += 1
        try:
            for piece in line.pieces:
                await asyncio.sleep(line.delay)
                yield piece
            if line.error is not None:
                raise line.error
        finally:
            self.open_streams -= 1

    async def check(self) -> None:
        line = self._lines[0]
        if line.error is not None and not line.pieces:
            raise line.error

    async def close(self) -> None:
        self.closed = True

    def _next_line(self, _messages: Sequence[ChatMessage]) -> Line:
        return self._lines[min(len(self.asked), len(self._lines)) - 1]
