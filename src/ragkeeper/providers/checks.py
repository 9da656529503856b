"""Whether models can be reached and give what they gave when this was written."""

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from urllib.parse import urlsplit, urlunsplit

import numpy as np

from ragkeeper.core.checks import Check, Finding, Kind, Severity
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.providers.chat.errors import ChatModelUnknown, ChatRefused, ChatTimedOut
from ragkeeper.providers.chat.port import ChatModel
from ragkeeper.providers.embedding.port import Embedder, Vectors

_SECONDS = 15.0
_SAME = 0.98
_UNIT = 0.01

KNOWN_TEXT = "The harbour master closes the gate at nine in the evening."
_SAME_MEANING = "At 9 pm the gate of the port is shut by its warden."
_OTHER_MEANING = "Quarterly revenue rose because fewer licences were returned."

EMBEDDER_FAILS = Kind(
    "embedder_unavailable",
    Severity.FAILURE,
    "The embedding model {model} does not work: {reason}",
    "Searches go by words alone, and new documents get no vectors.",
    "{advice}",
)
EMBEDDER_DIFFERS = Kind(
    "embedder_differs",
    Severity.FAILURE,
    "The embedding model {model} does not give the known vector for a known text (cosine {cosine})",
    "Its vectors do not fit those in the index: searches by meaning find the wrong passages.",
    "pip install --force-reinstall ragkeeper",
)
EMBEDDER_SENSELESS = Kind(
    "embedder_senseless",
    Severity.FAILURE,
    "The embedding model {model} puts an unrelated text nearer ({unrelated}) than one of the same meaning ({related})",
    "Searches by meaning find the wrong passages.",
    "Look whether RAG_EMBEDDING_MODEL names an embedding model; then: ragkeeper reindex",
)
PROVIDER_AWAY = Kind(
    "provider_unreachable",
    Severity.WARNING,
    "The model provider {provider} cannot be used: {reason}",
    "Answers come from the next provider, or are quoted from documents.",
    "curl -sS {models}",
)
PROVIDER_REFUSES = Kind(
    "provider_refuses_key",
    Severity.WARNING,
    "The model provider {provider} refuses the key: {reason}",
    "Answers come from the next provider, or are quoted from documents.",
    "Set {setting} to a key that is valid there, and start the server again.",
)
PROVIDER_LACKS_MODEL = Kind(
    "provider_lacks_model",
    Severity.WARNING,
    "The model provider {provider} does not have the model {model}",
    "Answers come from the next provider, or are quoted from documents.",
    "curl -sS {models}  # lists what it has",
)
CACHE_AWAY = Kind(
    "redis_unreachable",
    Severity.WARNING,
    "Redis cannot be used: {reason}",
    "Each process keeps a cache and limits of its own; what servers share, they no longer do.",
    'redis-cli -u "$REDIS_URL" ping',
)

Open = Callable[[], Awaitable[Embedder]]


def embedder_checks(name: str, known: Callable[[str], Vectors | None], make: Open) -> list[Check]:
    """name: in the words of RAG_EMBEDDING_MODEL; known: by a model's name, its vector of KNOWN_TEXT if it has one."""

    def look() -> Iterable[Finding]:
        try:
            model, (vector, same, other) = asyncio.run(_embedded(make))
        except RagkeeperError as error:
            return [EMBEDDER_FAILS.found({"model": name, "reason": error.message}, advice=error.advice)]
        except TimeoutError:
            reason = f"no answer within {_SECONDS:g} s"
            return [EMBEDDER_FAILS.found({"model": name, "reason": reason}, advice="Look at the model's own server.")]
        return list(_judged(model, known(model), vector, (same, other)))

    return [Check("models", "embedder", look)]


async def _embedded(make: Open) -> tuple[str, Vectors]:
    async with asyncio.timeout(_SECONDS):
        embedder = await make()
        try:
            return embedder.name, await embedder.embed_documents([KNOWN_TEXT, _SAME_MEANING, _OTHER_MEANING])
        finally:
            await embedder.close()


def _judged(name: str, known: Vectors | None, vector: Vectors, others: tuple[Vectors, Vectors]) -> Iterator[Finding]:
    length = float(np.linalg.norm(vector))
    cosine = float(vector @ known) if known is not None and len(known) == len(vector) else None
    is_another = known is not None and (cosine is None or not cosine >= _SAME)
    if is_another or not abs(length - 1) < _UNIT:
        yield EMBEDDER_DIFFERS.found({"model": name, "cosine": round(cosine or 0.0, 4)})
        return
    related, unrelated = (round(float(vector @ other), 4) for other in others)
    if related <= unrelated:
        yield EMBEDDER_SENSELESS.found({"model": name, "related": related, "unrelated": unrelated})


def provider_checks(
    models: Callable[[], Sequence[ChatModel]], urls: Sequence[str], seconds: float = _SECONDS
) -> list[Check]:
    """models: opened anew, in the order of the settings; urls: theirs; seconds: that each may take to answer."""

    def look() -> Iterable[Finding]:
        found = asyncio.run(_asked(models(), seconds))
        told = [(model, error, url) for (model, error), url in zip(found, urls, strict=True) if error]
        return [_told(model, error, url) for model, error, url in told]

    return [Check("models", "providers", look)] if urls else []


async def _asked(models: Sequence[ChatModel], seconds: float) -> list[tuple[ChatModel, RagkeeperError | None]]:
    return list(await asyncio.gather(*(_ask(model, seconds) for model in models)))


async def _ask(model: ChatModel, seconds: float) -> tuple[ChatModel, RagkeeperError | None]:
    try:
        # Its own limit may be minutes, which suits an answer and not somebody who asks what is wrong.
        async with asyncio.timeout(seconds):
            await model.check()
    except RagkeeperError as error:
        return model, error
    except TimeoutError:
        return model, ChatTimedOut(provider=model.name, seconds=seconds, phase="saying what it offers")
    finally:
        await model.close()
    return model, None


def _told(model: ChatModel, error: RagkeeperError, url: str) -> Finding:
    evidence = {"provider": model.name, "model": model.model, "code": error.code, "reason": error.message}
    if isinstance(error, ChatModelUnknown):
        return PROVIDER_LACKS_MODEL.found(evidence, models=_typed(url))
    if isinstance(error, ChatRefused):
        name = model.name.upper().replace("-", "_")
        return PROVIDER_REFUSES.found(evidence, setting=f"RAG_LLM_{name}_API_KEY")
    return PROVIDER_AWAY.found(evidence, models=_typed(url))


def _typed(url: str) -> str:
    """Where it lists its models, for a shell, without what may be secret: before the host, and after the path."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return shlex.quote(urlunsplit((parts.scheme, host, f"{parts.path.rstrip('/')}/models", "", "")))


def cache_checks(check: Callable[[], Awaitable[None]] | None) -> list[Check]:
    """check: asks the shared cache; None where none is set."""

    def look() -> Iterable[Finding]:
        assert check is not None  # noqa: S101 - there is no such check otherwise
        try:
            asyncio.run(_within(check))
        except RagkeeperError as error:
            return [CACHE_AWAY.found({"reason": error.message})]
        except TimeoutError:
            return [CACHE_AWAY.found({"reason": f"no answer within {_SECONDS:g} s"})]
        return []

    return [Check("cache", "redis", look)] if check else []


async def _within(check: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(_SECONDS):
        await check()
