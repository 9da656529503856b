"""A server with all that it depends on, each part within reach of a fault."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.server import Server, add_text, serving, wait_for, wait_until_ready
from tests.contract.cache.server import RedisServer, redis_server
from tests.contract.chat.standin import StandIn as ChatStandIn
from tests.contract.embedding.standin import StandIn as EmbeddingStandIn
from tests.faults.dependencies.door import Door
from tests.faults.dependencies.load import TEXTS
from tests.faults.harness.interposer import Interposer

BREAKER_SECONDS = 2.0
# So short that a fault, and the recovery from it, take seconds; nothing else differs from a server as it comes.
SHORT = {
    "RAG_BREAKER_OPEN_SECONDS": f"{BREAKER_SECONDS:g}",
    "RAG_BREAKER_SLOW_RATE": "0.5",
    "RAG_FIRST_TOKEN_TIMEOUT": "2.5",
    "RAG_MODEL_TIMEOUT": "4",
    "RAG_NEXT_TOKEN_TIMEOUT": "1",
    "RAG_CONNECT_TIMEOUT": "1",
    "RAG_MODEL_QUEUE_SECONDS": "0.5",
    "RAG_QUERY_EMBEDDING_TIMEOUT": "1",
    "RAG_MIN_FREE_MB": "0",
}
# Where what matters is who waits meanwhile.
AS_THEY_COME = {
    "RAG_FIRST_TOKEN_TIMEOUT": "30",
    "RAG_MODEL_TIMEOUT": "120",
    "RAG_NEXT_TOKEN_TIMEOUT": "20",
    "RAG_QUERY_EMBEDDING_TIMEOUT": "5",
}
_PIECES = ("The ", "documents ", "say ", "so, ", "and ", "no more ", "than ", "that [1].")
_PAUSE = 0.12


@dataclass(frozen=True, slots=True)
class Needs:
    """What a fault wants beside the first model. long_limits: time limits as they come, in place of short ones."""

    second_model: bool = False
    embedder: bool = False
    redis: bool = False
    disk: bool = False
    long_limits: bool = False


@dataclass(frozen=True, slots=True)
class Programs:
    """Of this machine: `redis-server`, and the compiled library between a server and its disk."""

    redis: Path | None
    interposing: Path | None


@dataclass(frozen=True, slots=True)
class Scene:
    server: Server
    model: ChatStandIn
    model_door: Door
    embedder_door: Door
    redis: RedisServer | None
    disk: Interposer | None

    @property
    def data(self) -> Path:
        return self.server.folder / "data"


@asynccontextmanager
async def scene(folder: Path, needs: Needs, programs: Programs) -> AsyncIterator[Scene]:
    """Up, filled, and asked once, so that what loads at the first question is loaded."""
    async with AsyncExitStack() as parts:
        model, second = [await parts.enter_async_context(ChatStandIn(_PIECES)) for _ in range(2)]
        model.pause = second.pause = _PAUSE
        embedder = await parts.enter_async_context(EmbeddingStandIn())
        doors = [await parts.enter_async_context(Door(to.base_url)) for to in (model, embedder)]
        settings = {**SHORT, **_models(doors[0].base_url, second.base_url if needs.second_model else None)}
        settings |= AS_THEY_COME if needs.long_limits else {}
        if needs.embedder:
            settings |= {"RAG_EMBEDDING_MODEL": "openai:standin", "RAG_EMBEDDING_BASE_URL": doors[1].base_url}
        blocking = ExitStack()
        parts.push_async_callback(asyncio.to_thread, blocking.close)
        redis = await asyncio.to_thread(_redis, blocking, folder, programs) if needs.redis else None
        if redis is not None:
            settings |= {"REDIS_URL": redis.url, "RAG_USE_CACHE": "true"}
        disk = _disk(folder, programs) if needs.disk else None
        settings |= disk.environment(journal=False) if disk else {}
        server = await asyncio.to_thread(blocking.enter_context, serving(folder, settings))
        await asyncio.to_thread(_fill, server)
        yield Scene(server, model, doors[0], doors[1], redis, disk)


def _models(first: str, second: str | None) -> Mapping[str, str]:
    named = {"FIRST": first} | ({"SECOND": second} if second else {})
    found = {"RAG_LLM_PROVIDERS": ",".join(name.lower() for name in named)}
    for name, address in named.items():
        found |= {f"RAG_LLM_{name}_BASE_URL": address, f"RAG_LLM_{name}_MODEL": "tiny"}
    return found


def _redis(parts: ExitStack, folder: Path, programs: Programs) -> RedisServer:
    assert programs.redis is not None
    return parts.enter_context(redis_server(programs.redis, folder / "redis"))


def _disk(folder: Path, programs: Programs) -> Interposer:
    assert programs.interposing is not None
    folder.mkdir(parents=True, exist_ok=True)
    found = Interposer(programs.interposing, folder, folder / "data")
    found.reset()
    return found


def _fill(server: Server) -> None:
    added = [add_text(server, title, text) for title, text, _ in TEXTS]
    wait_until_ready(server, added)
    wait_for(lambda: server.http.get("/status").json()["index"]["waiting_changes"] == 0)
    answer = server.http.post("/chat", json={"message": TEXTS[0][2]})
    assert answer.json()["mode"] == "full", answer.text
