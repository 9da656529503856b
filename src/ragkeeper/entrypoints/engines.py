"""Which implementation a setting names. Optional ones are imported only when they are asked for.

A switch whose model is not there stops the start here, not the first question.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

import structlog

from ragkeeper.answers.ports import Compressor, Extractor
from ragkeeper.core.foreground import Foreground
from ragkeeper.core.job_log import FailedJobs
from ragkeeper.core.metrics import Metrics
from ragkeeper.core.settings import RerankingMethod, SettingInvalid, Settings
from ragkeeper.entrypoints.patience import Patience, with_model
from ragkeeper.generation.compression import ModelCompressor
from ragkeeper.generation.extractive import ExtractiveAnswerer
from ragkeeper.generation.reranking import ModelReranker
from ragkeeper.generation.rewriting import ModelRewriter
from ragkeeper.ingestion.chunkers.port import Chunker
from ragkeeper.ingestion.chunkers.structure import StructureChunker
from ragkeeper.ingestion.parsers.pool import SandboxedParser
from ragkeeper.ingestion.parsers.port import Parser
from ragkeeper.jobs.dbos_engine import DbosEngine
from ragkeeper.jobs.port import JobEngine
from ragkeeper.providers.chat.metered import MeteredChat, Prices
from ragkeeper.providers.chat.port import ChatModel
from ragkeeper.providers.embedding.errors import DimensionUnknown, EmbedderUnavailable
from ragkeeper.providers.embedding.onnx import OnnxEmbedder
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.providers.reranking.port import Reranker
from ragkeeper.retrieval.transforms.follow_up import FollowUpByModel, FollowUpByRule
from ragkeeper.retrieval.transforms.hyde import Hyde
from ragkeeper.retrieval.transforms.multi_query import MultiQuery
from ragkeeper.retrieval.transforms.port import QueryTransform
from ragkeeper.retrieval.transforms.restrained import RestrainedTransform
from ragkeeper.storage.files.data_folder import DataFolder
from ragkeeper.storage.vectors.embedded import EmbeddedIndex
from ragkeeper.storage.vectors.port import VectorIndex

_log = structlog.get_logger()

_MEGABYTE = 1_000_000


async def open_embedder(
    settings: Settings,
    name: str | None = None,
    foreground: Foreground | None = None,
    dimension: int | None = None,
) -> Embedder:
    """name: in the words of RAG_EMBEDDING_MODEL, which is the default. foreground: what goes before documents.

    dimension: of the vectors that are there already; with it, or RAG_EMBEDDING_DIMENSION, an endpoint may be away.
    Raises SettingInvalid for an unknown name, EmbedderUnavailable or WrongDimension when its model does not fit.
    """
    name = name or settings.embedding_model
    kind, _, model = name.partition(":")
    if kind == "minilm" and not model:
        turn = foreground.thread_turn if foreground else nullcontext
        return OnnxEmbedder(threads=settings.embedding_threads or None, turn=turn)
    if kind == "openai" and model:
        return await _open_endpoint(settings, model, settings.embedding_dimension or dimension)
    if kind == "fastembed" and model:
        module = _optional("ragkeeper.providers.embedding.fastembed", "RAG_EMBEDDING_MODEL")
        made: Embedder = module.FastembedEmbedder(
            model, settings.data_dir / "models", settings.embedding_threads or None, settings.embedding_batch or None
        )
        return made
    raise SettingInvalid(name="RAG_EMBEDDING_MODEL", reason=f"{name} names no embedder")


async def _open_endpoint(settings: Settings, model: str, dimension: int | None) -> Embedder:
    from ragkeeper.providers.embedding.openai_compatible import (  # noqa: PLC0415 - its client takes half a second to load
        EmbeddingEndpoint,
        OpenAICompatibleEmbedder,
    )

    if not settings.embedding_base_url:
        raise SettingInvalid(name="RAG_EMBEDDING_BASE_URL", reason=f"openai:{model} needs it")
    key = settings.embedding_api_key.get_secret_value()
    endpoint = EmbeddingEndpoint(
        base_url=settings.embedding_base_url, api_key=key, model=model, timeout=settings.embedding_timeout
    )
    if settings.embedding_batch:
        endpoint = replace(endpoint, batch_size=settings.embedding_batch)
    # Connecting tries often enough to get a server started; after that, whoever guards the calls decides on retries.
    once = replace(endpoint, retries=0)
    try:
        if dimension is None:
            first = await OpenAICompatibleEmbedder.connect(endpoint)
        else:
            first = await OpenAICompatibleEmbedder.connect(
                replace(once, timeout=settings.query_embedding_timeout), dimension
            )
        await first.close()
        dimension = first.dimension
    except EmbedderUnavailable as error:
        if dimension is None:
            raise DimensionUnknown(name=model, reason=error.message) from error
        _log.warning("embedding_endpoint_away", model=model, reason=error.message)
    return OpenAICompatibleEmbedder(once, dimension)


async def open_index(folder: Path, embedder: Embedder, language: str) -> VectorIndex:
    """Raises SettingInvalid for a language that the index does not know."""
    try:
        return await EmbeddedIndex.open(folder, embedder.dimension, language, embedder.name)
    except ValueError as error:
        raise SettingInvalid(name="RAG_LEXICAL_LANGUAGE", reason=str(error)) from error


def job_engine(settings: Settings, folder: DataFolder, metrics: Metrics, failed: FailedJobs) -> JobEngine:
    given = settings.jobs_database_url
    url = given.get_secret_value() if given else f"sqlite:///{folder.jobs.resolve()}"
    return DbosEngine(url, _load_dbos, metrics=metrics, failed=failed)


def _load_dbos() -> type:
    from dbos import DBOS  # noqa: PLC0415 - its import takes a quarter of a second, behind the first ready answer

    return DBOS


def parser(settings: Settings) -> Parser:
    return SandboxedParser(
        folder=DataFolder(settings.data_dir).work,
        workers=settings.parser_workers,
        memory_bytes=settings.parser_memory_mb * _MEGABYTE,
        seconds=settings.parser_seconds,
        output_characters=settings.parser_characters,
        ocr_languages=settings.ocr_languages,
    )


def chunker(embedder: Embedder) -> Chunker:
    return StructureChunker(embedder)


def chat_models(settings: Settings) -> list[ChatModel]:
    if not settings.chat_providers:
        return []
    from ragkeeper.providers.chat.openai_compatible import (  # noqa: PLC0415 - its client takes half a second to load
        OpenAICompatibleChat,
        TimeLimits,
    )

    def limits(patience: Patience) -> TimeLimits:
        return TimeLimits(
            connect=settings.connect_timeout,
            first_token=patience.first_token,
            next_token=settings.next_token_timeout,
            total=patience.total,
        )

    return [
        OpenAICompatibleChat(
            name=provider.name,
            base_url=provider.base_url,
            api_key=provider.api_key.get_secret_value(),
            model=provider.model,
            limits=limits(with_model(settings, provider)),
        )
        for provider in settings.chat_providers
    ]


def metered(settings: Settings, metrics: Metrics) -> list[ChatModel]:
    """The models of the settings, in their order, their calls counted and priced."""
    models = zip(chat_models(settings), settings.chat_providers, strict=True)
    return [MeteredChat(model, metrics, Prices(one.price_in, one.price_out)) for model, one in models]


def transforms(
    settings: Settings, models: Sequence[ChatModel], may_ask: Callable[[], bool] = lambda: True
) -> list[QueryTransform]:
    """In the order in which they are applied. The settings have checked that the switches have a model.

    may_ask: whether that model may be asked at this moment.
    """
    if not models:
        return [FollowUpByRule()]
    rewriter = ModelRewriter(models[0])
    chosen: list[QueryTransform] = [RestrainedTransform(FollowUpByModel(rewriter), may_ask, FollowUpByRule())]
    if settings.use_multi_query:
        chosen.append(RestrainedTransform(MultiQuery(rewriter), may_ask, None))
    if settings.use_hyde:
        chosen.append(RestrainedTransform(Hyde(rewriter), may_ask, None))
    return chosen


def reranker(settings: Settings, models: Sequence[ChatModel]) -> Reranker | None:
    if settings.reranking_method is RerankingMethod.LLM:
        return ModelReranker(models[0])
    if settings.reranking_method is RerankingMethod.CROSS_ENCODER:
        module = _optional("ragkeeper.providers.reranking.cross_encoder", "RERANKING_METHOD")
        made: Reranker = module.CrossEncoderReranker(settings.reranking_model, settings.data_dir / "models")
        return made
    return None


def compressor(settings: Settings, models: Sequence[ChatModel]) -> Compressor | None:
    return ModelCompressor(models[0]) if settings.use_compression else None


def extractor(settings: Settings, embedder: Embedder) -> Extractor:
    if settings.answer_threshold is None:
        return ExtractiveAnswerer(embedder)
    return ExtractiveAnswerer(embedder, threshold=settings.answer_threshold)


def _optional(module: str, setting: str) -> ModuleType:
    """A module that needs the extra `fastembed`. Raises SettingInvalid when it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        reason = f"it needs the extra: pip install 'ragkeeper[fastembed]' ({error})"
        raise SettingInvalid(name=setting, reason=reason) from error
