"""Load a set's corpus into a collection of its own, ask every question, and score what comes back."""

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from ragkeeper import __version__
from ragkeeper.cli.client import Client
from ragkeeper.cli.errors import CommandFailed
from ragkeeper.core.errors import RagkeeperError
from ragkeeper.quality.evaluation import rules
from ragkeeper.quality.evaluation.errors import CorpusNotLoaded
from ragkeeper.quality.evaluation.models import (
    Corpus,
    CorpusDocument,
    Question,
    QuestionSet,
    Ranking,
    Reply,
    Report,
    RetrievalSet,
)
from ragkeeper.quality.evaluation.ports import Progress

MODES = ("hybrid", "dense", "lexical")

_Item = TypeVar("_Item")
_Found = TypeVar("_Found")

_AT_ONCE = 4
_PAGE = 500
# The most results a search gives: documents are judged, chunks are found, and several lie in one document.
_DEEPEST = 200
_TIMED = 300
# In the order a document passes them: one that is in none of them, asked in this order, is ready or failed.
_UNFINISHED = ("accepted", "parsing", "indexing", "searchable")
_DOCUMENTS = "/api/v1/documents"


class EvaluationService:
    """One server, spoken to by several threads through one client."""

    def __init__(self, client: Client, progress: Progress) -> None:
        self._client = client
        self._progress = progress

    # --- the corpus

    def load(self, corpus: Corpus, collection: str) -> int:
        """Upload what the collection lacks and wait until it is ready; returns how many documents could not be read.

        Raises CorpusNotLoaded when none could.
        """
        self._ensure_collection(collection, corpus.name)
        present = {document["name"] for document in self._documents(collection)}
        missing = [document for document in corpus.documents if document.name not in present]
        self._all("upload", lambda document: self._upload(document, collection), missing)
        self._wait_until_ready(collection, len(missing))
        failed = list(self._documents(collection, status="failed"))
        if len(failed) == len(corpus.documents):
            raise CorpusNotLoaded(folder=corpus.name, reason=failed[0]["version"]["error"]["message"])
        return len(failed)

    def remove(self, collection: str) -> None:
        """Delete the collection's documents."""
        ids = [document["id"] for document in self._documents(collection)]
        self._all("remove", lambda document_id: self._client.delete(f"{_DOCUMENTS}/{document_id}"), ids)

    def _ensure_collection(self, collection: str, description: str) -> None:
        known = {found["name"] for found in self._client.get("/api/v1/collections")}
        if collection not in known:
            body = {"name": collection, "description": f"Evaluation on {description}"}
            self._client.post("/api/v1/collections", body)

    def _documents(self, collection: str, status: str | None = None) -> Iterator[dict[str, Any]]:
        cursor = None
        while True:
            page = self._client.get(_DOCUMENTS, collection=collection, status=status, limit=_PAGE, cursor=cursor)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _upload(self, document: CorpusDocument, collection: str) -> None:
        fields = {"name": document.name, "collection": collection} | (
            {"title": document.title} if document.title else {}
        )
        if document.file is not None:
            with document.file.open("rb") as content:
                self._client.upload(_DOCUMENTS, document.file.name, content, fields)
        else:
            self._client.post(_DOCUMENTS, {**fields, "text": document.text})

    def _wait_until_ready(self, collection: str, uploaded: int) -> None:
        pause = 0.05
        while status := self._unfinished(collection):
            self._progress(f"wait, some are {status}", 0, uploaded)
            time.sleep(pause)
            pause = min(pause * 1.5, 2.0)

    def _unfinished(self, collection: str) -> str | None:
        for status in _UNFINISHED:
            if self._client.get(_DOCUMENTS, collection=collection, status=status, limit=1)["items"]:
                return status
        return None

    # --- retrieval

    def retrieval(self, judged: RetrievalSet, collection: str, modes: Sequence[str] = MODES) -> Report:
        """Quality from results as deep as the server gives; latency from searches as users make them, one at a time."""
        figures, samples = {}, {}
        for mode in modes:
            rankings = self._rankings(judged, collection, mode)
            samples[mode] = rules.ranking_samples(rankings, judged.judgements)
            timed = self._timed(list(judged.queries.values())[:_TIMED], collection, mode)
            figures[mode] = rules.figures_of(samples[mode]) | rules.latencies(timed)
        conditions: dict[str, str | int | float] = {
            "set": judged.corpus.name,
            "collection": collection,
            "documents": len(judged.corpus.documents),
            "queries": len(judged.queries),
            "queries_without_relevant": judged.unjudged,
        }
        return Report(figures, self._conditions() | conditions, samples)

    def _rankings(self, judged: RetrievalSet, collection: str, mode: str) -> dict[str, Ranking]:
        ids = {document.name: document.ids for document in judged.corpus.documents}

        def search(query: tuple[str, str]) -> tuple[str, Ranking]:
            hits = self._search(query[1], collection, mode, _DEEPEST)
            return query[0], rules.fold((hit["name"] for hit in hits), ids)

        return dict(self._all(f"search {mode}", search, list(judged.queries.items())))

    def _timed(self, queries: Sequence[str], collection: str, mode: str) -> list[float]:
        milliseconds = []
        for done, query in enumerate(queries):
            began = time.perf_counter()
            self._search(query, collection, mode, None)
            milliseconds.append((time.perf_counter() - began) * 1000)
            self._progress(f"time {mode}", done + 1, len(queries))
        return milliseconds

    def _search(self, query: str, collection: str, mode: str, top_k: int | None) -> list[dict[str, Any]]:
        body = {"query": query, "collection": collection, "mode": mode} | ({"top_k": top_k} if top_k else {})
        found: list[dict[str, Any]] = self._client.post("/api/v1/search", body)["results"]
        return found

    # --- answers

    def answers(self, asked: QuestionSet, foreign: Sequence[Question], collection: str) -> Report:
        """`foreign`: questions that these documents do not answer."""
        own_replies = self._replies("ask", asked.questions, collection)
        foreign_replies = self._replies("ask foreign", foreign, collection)
        samples = rules.answer_samples(own_replies, asked.questions)
        figures = rules.quoted(list(own_replies.values()))
        if foreign:
            samples |= rules.refusal_samples(own_replies, foreign_replies)
            figures["auroc"] = rules.auroc(_confidences(own_replies), _confidences(foreign_replies))
        milliseconds = [reply.milliseconds for reply in (*own_replies.values(), *foreign_replies.values())]
        figures = rules.figures_of(samples) | figures | rules.latencies(milliseconds)
        conditions: dict[str, str | int | float] = {
            "set": asked.corpus.name,
            "collection": collection,
            "documents": len(asked.corpus.documents),
            "questions": len(asked.questions),
            "foreign_questions": len(foreign),
        }
        return Report({"answers": figures}, self._conditions() | conditions, {"answers": samples})

    def _replies(self, what: str, questions: Sequence[Question], collection: str) -> dict[str, Reply]:
        """One at a time, so that latencies are those of a lone user."""
        replies = {}
        for done, question in enumerate(questions):
            replies[question.id] = self._ask(question, collection)
            self._progress(what, done + 1, len(questions))
        return replies

    def _ask(self, question: Question, collection: str) -> Reply:
        began = time.perf_counter()
        found = self._client.post("/chat", {"message": question.text, "collection": collection})
        milliseconds = (time.perf_counter() - began) * 1000
        self._client.delete(f"/api/v1/conversations/{found['conversation_id']}")
        quotes = tuple(citation["quote"] for citation in found["citations"])
        return Reply(found["answer"], quotes, found["refused"], found["confidence"], milliseconds)

    # --- both

    def _conditions(self) -> dict[str, str | int | float]:
        status = self._client.get("/status")
        return {
            "ragkeeper": __version__,
            "embedding_model": status["embedding_model"],
            "answer_mode": status["answer_mode"],
            "cores": os.cpu_count() or 1,
            "load": round(os.getloadavg()[0], 2),
            "python": platform.python_version(),
        }

    def _all(self, what: str, work: Callable[[_Item], _Found], items: Sequence[_Item]) -> list[_Found]:
        """Several at a time, results in order. The first error ends it."""
        results = []
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                for done, result in enumerate(pool.map(work, items)):
                    results.append(result)
                    self._progress(what, done + 1, len(items))
            except (CommandFailed, RagkeeperError):
                pool.shutdown(cancel_futures=True)
                raise
        return results


def _confidences(replies: Mapping[str, Reply]) -> list[float]:
    return [reply.confidence for reply in replies.values()]
