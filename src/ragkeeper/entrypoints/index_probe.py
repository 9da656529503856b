"""Whether the index that serves is the one that the settings ask for, and is still there behind its open files."""

import asyncio
from pathlib import Path

from ragkeeper.operations.health.models import ComponentState, ProbeResult
from ragkeeper.operations.health.ports import Probe
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.providers.embedding.rules import steady
from ragkeeper.retrieval.reindex.folder import IndexFolder
from ragkeeper.retrieval.switching import SwitchableIndex
from ragkeeper.storage.vectors.errors import IndexMismatch
from ragkeeper.storage.vectors.layout import read_manifest

_GONE = "index_folder_gone"


def index_probe(answers: Probe, index: SwitchableIndex, embedder: Embedder, folder: IndexFolder) -> Probe:
    """answers: whether it answers, which says nothing of its files: an open one outlives its removal."""

    async def probe() -> ProbeResult:
        result = await answers()
        if result.state is ComponentState.UNHEALTHY:
            return result
        wrong = await asyncio.to_thread(look, folder.path(index.serving.name), steady(embedder).dimension)
        return wrong or result

    return probe


def look(path: Path, dimension: int) -> ProbeResult | None:
    """What is wrong with the index in this folder. Raises IndexUnreadable, IndexMismatch."""
    manifest = read_manifest(path)
    if manifest is None or not (path / manifest.shard).is_dir():
        return ProbeResult(ComponentState.UNHEALTHY, f"the index in {path} is gone", _GONE)
    if manifest.dimension != dimension:
        wrong = IndexMismatch(path=path, setting="dimension", stored=manifest.dimension, wanted=dimension)
        return ProbeResult(ComponentState.UNHEALTHY, wrong.message, wrong.code)
    return None
