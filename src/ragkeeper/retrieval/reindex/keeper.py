"""Generations of the index: one takes the place of another, and can give it back while it is kept."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from ragkeeper.core.errors import RagkeeperError
from ragkeeper.providers.embedding.port import Embedder
from ragkeeper.retrieval.outbox import OutboxDrain, OutboxWriter
from ragkeeper.retrieval.reconcile import Reconciler
from ragkeeper.retrieval.reindex import repository, rules
from ragkeeper.retrieval.reindex.errors import GenerationGone, IndexFolderUnwritable, NothingKept, ReindexIncomplete
from ragkeeper.retrieval.reindex.folder import IndexFolder, Pointer, job_of, made_at
from ragkeeper.retrieval.reindex.models import EmbeddingChoice, Plan
from ragkeeper.retrieval.reindex.ports import EmbedderPair, OpenEmbedder, Opener
from ragkeeper.retrieval.switching import Generation, SwitchableIndex, close_quietly
from ragkeeper.storage.sql.database import Database

_log = structlog.get_logger()

_FORGOTTEN = 5000  # vectors in one transaction


class GenerationKeeper:
    """reopened: called after another model serves, for documents that lack its vectors."""

    def __init__(
        self,
        database: Database,
        index: SwitchableIndex,
        embedder: EmbedderPair,
        folder: IndexFolder,
        *,
        opener: Opener,
        open_embedder: OpenEmbedder,
        reconciler: Reconciler,
        drain: OutboxDrain,
        writer: OutboxWriter,
        setting: str,
        reopened: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._index = index
        self._embedder = embedder
        self._folder = folder
        self._opener = opener
        self._open_embedder = open_embedder
        self._reconciler = reconciler
        self._drain = drain
        self._writer = writer
        self._setting = setting
        self._reopened = reopened

    async def choice(self) -> EmbeddingChoice:
        async with self._database.read() as sql:
            return rules.chosen(self._setting, await repository.embedding_choice(sql))

    @property
    def pointer(self) -> Pointer:
        return self._folder.pointer() or Pointer(self._index.serving.name)

    async def stand_beside(self, choice: str) -> None:
        """Open this embedder beside the one that serves, unless it is there. Raises what opening it raises."""
        if self._embedder.beside is None:
            self._embedder.stand_beside(await self._open_embedder(choice))

    async def open_embedder(self, choice: str) -> Embedder:
        """Another one, which is the caller's to close. Raises what opening it raises."""
        return await self._open_embedder(choice)

    async def adopt(self, plan: Plan) -> None:
        """Let the generation that was built serve, once it holds exactly what SQL says; the old one is kept.

        Can be repeated. Raises GenerationGone, ReindexIncomplete and what an index raises; the old one serves on then.
        """
        if self.pointer.serving == plan.generation:
            return
        if not self._folder.exists(plan.generation):
            raise GenerationGone(name=plan.generation)
        opened = await self._write_beside(plan.generation, plan.choice)
        chosen = rules.switched(await self.choice(), plan.choice) if plan.choice else None
        await self._switch_to(opened, chosen, just_opened=True)
        await self._drop_older(plan.generation)

    async def roll_back(self) -> None:
        """Let the kept generation serve again, brought up to date from SQL.

        Raises NothingKept and what opening raises.
        """
        pointer, choice = self.pointer, await self.choice()
        if pointer.previous is None or not self._folder.exists(pointer.previous):
            raise NothingKept
        beside = self._index.beside
        if choice.other is not None:
            await self.stand_beside(choice.other)
        just_opened = beside is None or beside.name != pointer.previous
        if beside is None or just_opened:
            beside = await self._write_beside(pointer.previous, choice.other)
        chosen = rules.switched(choice, choice.other) if choice.other else None
        await self._switch_to(beside, chosen, just_opened=just_opened)

    async def finish(self) -> None:
        """Give up the kept generation, its embedder, and every vector of other models than the one that serves."""
        async with self._database.read() as sql:
            foreign = await repository.foreign_models(sql, self._index.serving.model)
        if self.pointer.previous is None and not foreign:
            raise NothingKept
        # In this order: broken off anywhere, nothing makes again what was removed, and the same call ends it.
        async with self._database.write() as sql:
            choice = rules.chosen(self._setting, await repository.embedding_choice(sql))
            kept = None if choice.serving == self._setting else replace(choice, other=None)
            await repository.choose_embedding(sql, kept)
        await self._let_go()
        await self._drop_previous()
        for model in foreign:
            await self._forget_vectors(model)

    async def abandon(self, job_id: str) -> None:
        """Remove what a job that does not go on has left. Vectors in SQL stay: they were dear."""
        beside = self._index.beside
        pointer = self.pointer
        if beside is not None and job_of(beside.name) == job_id:
            await self._let_go()
        elif beside is None and self._embedder.beside is not None and (await self.choice()).other is None:
            await self._close_embedder()
        if pointer.previous is not None and job_of(pointer.previous) == job_id and (await self.choice()).other is None:
            self._folder.point(Pointer(pointer.serving))
        await self.remove_leftovers(frozenset())

    async def remove_leftovers(self, active_jobs: Collection[str]) -> None:
        """Of everything but the generations in use and those that these jobs are building."""
        wanted = {name for name in self._folder.names() if job_of(name) in active_jobs}
        used = {generation.name for generation in self._index.targets}
        removed = await asyncio.to_thread(self._folder.remove_leftovers, self.pointer.names | wanted | used)
        if removed:
            _log.info("index_leftovers_removed", names=removed)

    async def _write_beside(self, name: str, choice: str | None) -> Generation:
        """Open a generation and write to it too. choice: its embedder, None for the one that serves."""
        embedder = self._embedder.serving
        if choice is not None:
            await self.stand_beside(choice)
            embedder = self._embedder.beside or embedder
        await self._let_go(embedder=False)
        opened = await self._opener.open_existing(name, embedder)
        self._index.write_beside(opened, replacing=True)
        async with self._drain.held():
            pass  # what was being drained before did not know of it; from here on everything reaches it
        return opened

    async def _switch_to(self, opened: Generation, choice: EmbeddingChoice | None, *, just_opened: bool) -> None:
        """choice: written down with the switch to another model; None: the model stays."""
        try:
            if just_opened:
                await self._describe_again(opened)
            await self._reconciler.reconcile(opened)
            await self._verified_switch(opened, choice)
        except RagkeeperError:
            if self._index.serving is not opened:
                await self._let_go(embedder=False)
                await self._mend_serving()
            raise
        if choice is None:
            await self._let_go(embedder=False)
        else:
            await self._reopened()

    async def _mend_serving(self) -> None:
        """It was allowed to miss changes while it was to be replaced, and is not replaced now."""
        try:
            await self._reconciler.reconcile()
        except RagkeeperError as error:
            _log.error("serving_index_not_mended", code=error.code, reason=error.message)

    async def _describe_again(self, opened: Generation) -> None:
        """Metadata that changed while nothing was written to it: the chunks are the same, so no comparison tells.

        It was written to, or made, after the younger of both was begun.
        """
        since = max(made_at(opened.name), made_at(self._index.serving.name))
        async with self._database.write() as sql:
            await self._writer.words_added(sql, await repository.changed_since(sql, since))

    async def _verified_switch(self, opened: Generation, choice: EmbeddingChoice | None) -> None:
        """Nothing is written to SQL or to the index while both are counted, and until the new one serves."""
        if choice is not None:
            # A restart between the commit below and the last line finds it by its model, which needs it to be named.
            self._folder.point(Pointer(self._index.serving.name, opened.name))
        await self._drain.drain_all()
        async with self._drain.held():
            async with self._database.write() as sql:
                await self._drain.drain_rest(sql)  # only a few: while much is read in, the outbox is never empty
                found, expected = await self._counts(sql, opened)
                equal = found == expected
                if equal and choice is not None:
                    await repository.choose_embedding(sql, choice)
            if not equal:
                raise ReindexIncomplete(found=found, expected=expected)
            self._switch_now(opened, model_changes=choice is not None)

    def _switch_now(self, opened: Generation, *, model_changes: bool) -> None:
        """In one go for everybody. Raises IndexFolderUnwritable when only the pointer decides; nothing changes then."""
        pointer = Pointer(opened.name, self._index.serving.name)
        if not model_changes:
            self._folder.point(pointer)
        self._index.switch()
        self._index.incomplete = False
        if model_changes:
            self._embedder.switch()
            try:
                self._folder.point(pointer)
            except IndexFolderUnwritable as error:  # both are named already, and a start goes by the model
                _log.warning("index_pointer_not_turned", reason=error.message)

    async def _counts(self, sql: AsyncConnection, opened: Generation) -> tuple[str, str]:
        """What the generation holds and what it should, in words; different while changes wait for the index."""
        chunks, vectors = await repository.expected(sql, opened.model)
        waiting = await repository.waiting(sql)
        held = await opened.index.count()
        told = f"{chunks} chunks, {vectors} vectors, 0 changes wait"
        return f"{held.points} chunks, {held.with_vectors} vectors, {waiting} changes wait", told

    async def _let_go(self, *, embedder: bool = True) -> None:
        """Close what is beside; on the disk it stays."""
        async with self._drain.held():
            before = self._index.write_beside(None)
        if before is not None:
            await close_quietly(before)
        if embedder:
            await self._close_embedder()

    async def _close_embedder(self) -> None:
        before = self._embedder.stand_beside(None)
        if before is not None:
            await before.close()

    async def _forget_vectors(self, model: str) -> None:
        while True:
            async with self._database.write() as sql:
                if not await repository.forget_model(sql, model, _FORGOTTEN):
                    return

    async def _drop_previous(self) -> None:
        pointer = self.pointer
        self._folder.point(Pointer(pointer.serving))
        if pointer.previous is not None:
            await asyncio.to_thread(self._folder.remove, pointer.previous)

    async def _drop_older(self, generation: str) -> None:
        """One is kept, not more; what other jobs build stays."""
        names = self.pointer.names
        older = [name for name in self._folder.names() if name not in names and name < generation]
        for name in older:
            await asyncio.to_thread(self._folder.remove, name)
