"""Which implementation a setting names. Optional ones are imported only when they are asked for."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from ragkeeper.answers.ports import Extractor, Writer
from ragkeeper.core.settings import RerankingMethod, Settings, SettingInvalid
from ragkeeper.generation.extractive import ExtractiveAnswerer
from ragkeeper.ingestion.chunkers.port import Chunker
from ragkeeper.ingestion.chunkers.structure import StructureChunker
from ragkeeper.ingestion.parsers.pool import SandboxedParser
from ragkeeper.ingestion.parsers.port import Parser
from ragkeeper.providers.chat.openai_compatible import OpenAICompatibleChat
from ragkeeper.providers.chat.port import ChatModel
from ragkeeper.providers.embedding.onnx import OnnxEmbedder
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.providers.reranking.port import Reranker
from ragkeeper.retrieval.transforms.follow_up import FollowUpByRule
from ragkeeper.retrieval.transforms.port import QueryTransform
from ragkeeper.storage.vectors.embedded import EmbeddedIndex
from ragkeeper.storage.vectors.port import VectorIndex

_MEGABYTE = 1_000_000


async def open_embedder(settings: Settings) -> Embedder:
    """Raises SettingInvalid for an unknown name and EmbedderUnavailable when its model or endpoint is not there."""
    kind, _, model = settings.embedding_model.partition(":")
    if kind == "minilm" and not model:
        return OnnxEmbedder(threads=settings.embedding_threads or None)
    raise SettingInvalid(name="RAG_EMBEDDING_MODEL", reason=f"unknown kind {kind}")


async def open_index(folder: Path, dimension: int, language: str) -> VectorIndex:
    return await EmbeddedIndex.open(folder, dimension, language)


def parser(settings: Settings) -> Parser:
    return SandboxedParser(
        workers=settings.parser_workers,
        memory_bytes=settings.parser_memory_mb * _MEGABYTE,
        seconds=settings.parser_seconds,
        output_characters=settings.parser_characters,
        ocr_languages=settings.ocr_languages,
    )


def chunker(embedder: Embedder) -> Chunker:
    return StructureChunker(embedder)


def chat_models(settings: Settings) -> list[ChatModel]:
    return [
        OpenAICompatibleChat(
            name=provider.name,
            base_url=provider.base_url,
            api_key=provider.api_key.get_secret_value(),
            model=provider.model,
        )
        for provider in settings.chat_providers
    ]


def transforms(settings: Settings, models: Sequence[ChatModel]) -> list[QueryTransform]:
    return [FollowUpByRule()]


def reranker(settings: Settings, models: Sequence[ChatModel]) -> Reranker | None:
    if settings.reranking_method is RerankingMethod.CROSS_ENCODER:
        module = import_module("ragkeeper.providers.reranking.cross_encoder")
        made: Reranker = module.CrossEncoderReranker(settings.reranking_model)
        return made
    return None


def extractor(settings: Settings, embedder: Embedder) -> Extractor:
    return ExtractiveAnswerer(embedder)


def writers(settings: Settings, models: Sequence[ChatModel], embedder: Embedder) -> list[Writer]:
    return []
