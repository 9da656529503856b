"""Open what searches need: the embedder that was chosen and the generation of the index that it made.

The index is derived. One that is damaged or was made for other settings never stops a start: it is put aside, or kept
for the day its model returns, and another takes its place.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import structlog

from ragkeeper.core.clock import utc_now
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.core.ids import new_id
from ragkeeper.core.settings import Settings
from ragkeeper.entrypoints import engines
from ragkeeper.entrypoints.guards import Guards
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.providers.embedding.switchable import SwitchableEmbedder
from ragkeeper.retrieval.reindex import repository, rules
from ragkeeper.retrieval.reindex.errors import IndexFolderUnwritable
from ragkeeper.retrieval.reindex.folder import IndexFolder, Pointer, generation_name
from ragkeeper.retrieval.switching import Generation, SwitchableIndex
from ragkeeper.storage.sql.database import Database
from ragkeeper.storage.vectors.away import AwayIndex
from ragkeeper.storage.vectors.errors import IndexFailed, IndexMismatch, IndexUnreadable
from ragkeeper.storage.vectors.layout import Manifest, read_manifest

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Opened:
    """lost: the index is a new one, to be filled from the truth."""

    embedder: SwitchableEmbedder
    index: SwitchableIndex
    lost: bool


class IndexOpener:
    """Opens generations of one folder with the settings' language."""

    def __init__(self, folder: IndexFolder, language: str) -> None:
        self._folder = folder
        self._language = language

    async def open(self, name: str, embedder: Embedder) -> Generation:
        """Makes it if need be. Raises IndexMismatch, IndexUnreadable, IndexInUse."""
        index = await engines.open_index(self._folder.path(name), embedder, self._language)
        return Generation(name, embedder.name, index)

    async def open_existing(self, name: str, embedder: Embedder) -> Generation:
        """Raises IndexUnreadable where there is none too."""
        path = self._folder.path(name)
        if await asyncio.to_thread(read_manifest, path) is None:
            raise IndexUnreadable(path=path, reason="it is not there")
        return await self.open(name, embedder)


async def open_search(settings: Settings, folder: IndexFolder, database: Database, guards: Guards) -> Opened:
    """Raises what an embedder raises that cannot be opened, and IndexInUse."""
    async with database.read() as sql:
        stored = await repository.embedding_choice(sql)
    choice = rules.chosen(settings.embedding_model, stored)
    if stored is not None and stored != choice:
        _log.warning("embedding_choice_overruled", setting=settings.embedding_model, chosen=stored.serving)
    embedder = SwitchableEmbedder(await guards.open_embedder(choice.serving, known_dimension(folder, choice.serving)))
    opener = IndexOpener(folder, settings.lexical_language)
    index, lost = await _open_generations_or_none(folder, opener, embedder.serving)
    if choice.other is not None:
        await _open_other(guards, choice.other, embedder, index, (folder, opener))
    return Opened(embedder, index, lost)


def known_dimension(folder: IndexFolder, choice: str) -> int | None:
    """Length of an endpoint's vectors, from the index that serves or is kept; None where neither is of its model.

    choice: in the words of RAG_EMBEDDING_MODEL. An index that cannot be read tells nothing.
    """
    pointer, model = folder.pointer(), choice.removeprefix("openai:")
    for name in (pointer.serving, pointer.previous) if pointer else ():
        manifest = _manifest(folder.path(name)) if name else None
        if manifest and manifest.model == f"{model}@{manifest.dimension}":
            return manifest.dimension
    return None


def _manifest(path: Path) -> Manifest | None:
    try:
        return read_manifest(path)
    except (IndexUnreadable, IndexMismatch, OSError):
        return None


async def _open_generations_or_none(
    folder: IndexFolder, opener: IndexOpener, embedder: Embedder
) -> tuple[SwitchableIndex, bool]:
    """Where no index can be opened or made, searches go without one, and it is tried again later."""
    try:
        return await _open_generations(folder, opener, embedder)
    except (IndexUnreadable, IndexFailed, IndexFolderUnwritable, OSError) as error:
        _log.error("index_away", path=str(folder.root), reason=str(error))
        away = Generation(generation_name(utc_now(), new_id()), embedder.name, AwayIndex(str(error)))
        return SwitchableIndex(away), False


async def _open_generations(
    folder: IndexFolder, opener: IndexOpener, embedder: Embedder
) -> tuple[SwitchableIndex, bool]:
    """The generation that serves, or the kept one where only that fits; else a new one."""
    pointer = folder.pointer()
    known = [name for name in (pointer.serving, pointer.previous) if name] if pointer else []
    serving: Generation | None = None
    kept: list[str] = []
    for name in known:
        opened = await _open_or_put_aside(folder, opener, name, embedder) if serving is None else None
        serving = serving or opened
        if opened is None and folder.exists(name):
            kept.append(name)
    lost = serving is None
    serving = serving or await opener.open(generation_name(utc_now(), new_id()), embedder)
    wanted = Pointer(serving.name, next(iter(kept), None))
    if wanted != pointer:
        folder.point(wanted)
    return SwitchableIndex(serving), lost


async def _open_or_put_aside(
    folder: IndexFolder, opener: IndexOpener, name: str, embedder: Embedder
) -> Generation | None:
    try:
        return await opener.open_existing(name, embedder)
    except IndexMismatch as error:
        _log.warning("index_not_used", generation=name, reason=error.message)
    except IndexUnreadable as error:
        aside = folder.put_aside(name, utc_now()) if folder.exists(name) else None
        _log.warning("index_put_aside", reason=error.message, folder=str(aside))
    return None


async def _open_other(
    guards: Guards,
    model: str,
    embedder: SwitchableEmbedder,
    index: SwitchableIndex,
    where: tuple[IndexFolder, IndexOpener],
) -> None:
    """The embedder and the index that are kept for an undo; without them the server serves as well."""
    folder, opener = where
    pointer = folder.pointer()
    if pointer is None or pointer.previous is None:
        return
    try:
        other = await guards.open_embedder(model)
        embedder.stand_beside(other)
        index.write_beside(await opener.open_existing(pointer.previous, other))
    except RagkeeperError as error:
        _log.warning("kept_index_not_opened", model=model, code=error.code, reason=error.message)
