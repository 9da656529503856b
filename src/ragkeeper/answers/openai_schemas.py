"""The shapes of OpenAI's chat completions and embeddings, as far as its official client reads them."""

import base64
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, field_validator

from ragkeeper.answers.errors import MessagesInvalid
from ragkeeper.answers.models import AnswerResult, Question, Turn
from ragkeeper.answers.schemas import CitationView

_TURNS = frozenset({"user", "assistant"})
_WITHOUT_A_SAY = frozenset({"system", "developer", "tool", "function"})
_MOST_INPUTS = 2048
_MOST_CHARACTERS = 1_000_000


class MessageBody(BaseModel):
    role: str
    content: str | list[dict[str, Any]] | None = None

    def text(self) -> str:
        """The text of a message whose content may come in parts."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(str(part.get("text", "")) for part in self.content or [] if part.get("type") == "text")


class ChatCompletionBody(BaseModel):
    """Sampling parameters are accepted and ignored: the server decides how its answers are made.

    For the same reason system and developer messages have no say, and results of tools none either: no tools are
    offered. Answers name the roles that were left out in `ignored_roles`.
    """

    model: str = "ragkeeper"
    messages: list[MessageBody] = Field(min_length=1)
    stream: bool = False
    collection: str | None = None

    def question(self) -> Question:
        """The last user message, and what came before it. Raises MessagesInvalid."""
        unknown = sorted({message.role for message in self.messages} - _TURNS - _WITHOUT_A_SAY)
        if unknown:
            raise MessagesInvalid(reason=f"no role is called {unknown[0]!r}")
        turns = [Turn(message.role, message.text()) for message in self.messages if message.role in _TURNS]
        # An assistant's message without text called a tool.
        turns = [turn for turn in turns if turn.content or turn.role == "user"]
        if not turns or turns[-1].role != "user":
            raise MessagesInvalid(reason="the last word is not the user's, so nothing is asked")
        return Question(text=turns[-1].content, collection=self.collection, history=tuple(turns[:-1]))

    def ignored_roles(self) -> list[str]:
        return sorted({message.role for message in self.messages} & _WITHOUT_A_SAY)


class EmbeddingBody(BaseModel):
    model: str = ""
    input: Annotated[str, Field(max_length=_MOST_CHARACTERS)] | Annotated[list[str], Field(max_length=_MOST_INPUTS)]
    encoding_format: Literal["float", "base64"] = "float"

    @field_validator("input")
    @classmethod
    def _together_not_too_long(cls, given: str | list[str]) -> str | list[str]:
        if sum(len(text) for text in given) > _MOST_CHARACTERS:
            reason = f"at most {_MOST_CHARACTERS} characters at once"
            raise ValueError(reason)
        return given

    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


def completion(completion_id: str, created: int, body: ChatCompletionBody, result: AnswerResult) -> dict[str, Any]:
    message = {"role": "assistant", "content": result.answer.text}
    return {
        "id": completion_id,
        "object": "chat.completion",
        "created": created,
        "model": body.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        **_extra(body, result),
    }


def chunk(
    completion_id: str,
    created: int,
    body: ChatCompletionBody,
    delta: dict[str, str],
    result: AnswerResult | None = None,
) -> dict[str, Any]:
    """One streamed piece; the last one carries `result`."""
    return {
        "id": completion_id,
        "object": "chat.completion.chunk",
        "created": created,
        "model": body.model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": "stop" if result else None}],
        **(_extra(body, result) if result else {}),
    }


def embedding_list(vectors: NDArray[np.float32], model: str, *, base64_wanted: bool) -> dict[str, Any]:
    return {
        "object": "list",
        "model": model,
        "data": [
            {"object": "embedding", "index": index, "embedding": _encoded(vector) if base64_wanted else vector.tolist()}
            for index, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
    }


def _extra(body: ChatCompletionBody, result: AnswerResult) -> dict[str, Any]:
    """What OpenAI's shape has no place for; its client keeps unknown fields."""
    return {
        "mode": result.mode.value,
        "search_mode": result.search_mode,
        "refused": result.answer.refused,
        "notes": list(result.notes),
        "cached": result.cached_seconds is not None,
        "ignored_roles": body.ignored_roles(),
        "citations": [CitationView.of(citation).model_dump() for citation in result.answer.citations],
    }


def _encoded(vector: NDArray[np.float32]) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
