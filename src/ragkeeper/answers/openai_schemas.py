"""The shapes of OpenAI's chat completions and embeddings, as far as its official client reads them."""

import base64
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from ragkeeper.answers.models import AnswerResult
from ragkeeper.answers.schemas import CitationView


class MessageBody(BaseModel):
    role: str
    content: str | list[dict[str, Any]] | None = None

    def text(self) -> str:
        """The text of a message whose content may come in parts."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(str(part.get("text", "")) for part in self.content or [] if part.get("type") == "text")


class ChatCompletionBody(BaseModel):
    """Sampling parameters are accepted and ignored: the server decides how its answers are made."""

    model: str = "ragkeeper"
    messages: list[MessageBody] = Field(min_length=1)
    stream: bool = False
    collection: str | None = None


class EmbeddingBody(BaseModel):
    model: str = ""
    input: str | list[str]
    encoding_format: Literal["float", "base64"] = "float"

    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


def completion(completion_id: str, created: int, model: str, result: AnswerResult) -> dict[str, Any]:
    message = {"role": "assistant", "content": result.answer.text}
    return {
        "id": completion_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        **_extra(result),
    }


def chunk(
    completion_id: str, created: int, delta: dict[str, str], result: AnswerResult | None = None
) -> dict[str, Any]:
    """One streamed piece; the last one carries `result`."""
    return {
        "id": completion_id,
        "object": "chat.completion.chunk",
        "created": created,
        "model": "ragkeeper",
        "choices": [{"index": 0, "delta": delta, "finish_reason": "stop" if result else None}],
        **(_extra(result) if result else {}),
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


def _extra(result: AnswerResult) -> dict[str, Any]:
    """What OpenAI's shape has no place for; its client keeps unknown fields."""
    return {
        "mode": result.mode.value,
        "refused": result.answer.refused,
        "citations": [CitationView.of(citation).model_dump() for citation in result.answer.citations],
    }


def _encoded(vector: NDArray[np.float32]) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
