"""Server-sent events: one `event:` and one `data:` line of JSON each."""

import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi.responses import StreamingResponse

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def event(name: str, content: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(content, ensure_ascii=False)}\n\n".encode()


def data(content: Any) -> bytes:
    """An event without a name, as OpenAI's protocol sends them."""
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n".encode()


def event_stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    """A response that sends events as they come; when the client goes away, the iterator is cancelled."""
    return StreamingResponse(events, media_type="text/event-stream", headers=_HEADERS)
