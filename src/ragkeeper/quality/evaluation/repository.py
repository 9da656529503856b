"""Evaluation sets and reports as files."""

import csv
import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ragkeeper.quality.evaluation.errors import BaselineUnreadable, SetUnreadable
from ragkeeper.quality.evaluation.models import Corpus, CorpusDocument, Question, QuestionSet, Report, RetrievalSet

# Where a corpus line may have its real file, named by its id: `pdf/ID.pdf`.
_FILE_FOLDERS = ("pdf", "files")


def read_retrieval_set(folder: Path) -> RetrievalSet:
    """corpus.jsonl {_id, title, text}, queries.jsonl {_id, text}, qrels.tsv (query-id, corpus-id, score; one header).

    Raises SetUnreadable.
    """
    texts, judgements = _judged(folder)
    queries = {query: texts[query] for query in judgements}
    return RetrievalSet(read_corpus(folder), queries, judgements, len(texts) - len(queries))


def read_judgements(folder: Path) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """The queries for which something is judged relevant, and all that was judged of each. Raises SetUnreadable."""
    texts, judgements = _judged(folder)
    return {query: texts[query] for query in judgements}, judgements


def _judged(folder: Path) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """The texts of all queries, and judgements of those that have an answer."""
    texts = {str(row["_id"]): row["text"] for row in _rows(folder, "queries.jsonl", "_id", "text")}
    judged: dict[str, dict[str, int]] = {}
    for query, document, grade in _judgement_rows(folder):
        judged.setdefault(query, {})[document] = grade
    judgements = {
        query: grades for query, grades in judged.items() if query in texts and any(g > 0 for g in grades.values())
    }
    if not judgements:
        raise SetUnreadable(folder=folder, reason="qrels.tsv judges no document relevant to a query of queries.jsonl")
    return texts, judgements


def read_question_set(folder: Path) -> QuestionSet:
    """corpus.jsonl and qa.jsonl {id, question, answers}. Raises SetUnreadable."""
    return QuestionSet(read_corpus(folder), read_questions(folder))


def first_questions(asked: QuestionSet, most: int | None) -> QuestionSet:
    return QuestionSet(asked.corpus, asked.questions[:most])


def read_questions(folder: Path) -> tuple[Question, ...]:
    """Raises SetUnreadable."""
    rows = _rows(folder, "qa.jsonl", "id", "question")
    found = tuple(Question(str(row["id"]), row["question"], tuple(row.get("answers") or ())) for row in rows)
    if not found:
        raise SetUnreadable(folder=folder, reason="qa.jsonl holds no question")
    return found


def read_corpus(folder: Path) -> Corpus:
    """Lines with equal content become one document. Raises SetUnreadable."""
    contents: dict[tuple[str, Path | None], list[dict[str, Any]]] = {}
    for row in _rows(folder, "corpus.jsonl", "_id", "text"):
        file = _file_of(folder, str(row["_id"]))
        contents.setdefault((_text(row), file), []).append(row)
    if not contents:
        raise SetUnreadable(folder=folder, reason="corpus.jsonl holds no document")
    documents = tuple(
        CorpusDocument(
            name=file.name if file else str(rows[0]["_id"]),
            ids=tuple(str(row["_id"]) for row in rows),
            title=rows[0].get("title") or "",
            text=text,
            file=file,
        )
        for (text, file), rows in contents.items()
    )
    return Corpus(_set_name(folder), _digest(documents), documents)


def read_report(file: Path) -> Report:
    """A report from `--save`, or from `--json` (then without samples). Raises BaselineUnreadable."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        samples = found.pop("per_query", {})
        conditions = found.pop("conditions", {})
        figures = {
            group: {name: math.nan if value is None else float(value) for name, value in values.items()}
            for group, values in found.items()
        }
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise BaselineUnreadable(file=file, reason=error) from error
    return Report(figures, conditions, samples)


def write_report(report: Report, file: Path) -> None:
    """With the samples that a later comparison pairs by question."""
    file.write_text(json.dumps({**as_json(report), "per_query": report.samples}), encoding="utf-8")


def as_json(report: Report) -> dict[str, Any]:
    """Figures by group, rounded, and the conditions; a figure that no question counts for is null."""
    figures: dict[str, Any] = {
        group: {name: _rounded(value) for name, value in values.items()} for group, values in report.figures.items()
    }
    return {**figures, "conditions": dict(report.conditions)}


def _rounded(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None


def _text(row: dict[str, Any]) -> str:
    """Title and text, the convention of published retrieval figures."""
    title, text = row.get("title") or "", row["text"]
    return text if not title or text.startswith(title) else f"{title}\n\n{text}"


def _file_of(folder: Path, corpus_id: str) -> Path | None:
    for name in _FILE_FOLDERS:
        found = sorted(file for file in (folder / name).glob("*.*") if file.stem == corpus_id)
        if found:
            return found[0]
    return None


def _set_name(folder: Path) -> str:
    """The folder's name; one of two letters (a language) says too little without its parent's."""
    resolved = folder.resolve()
    name = resolved.name if len(resolved.name) > 2 else f"{resolved.parent.name}-{resolved.name}"  # noqa: PLR2004 - a language code has two letters
    return "".join(character if character.isalnum() or character in "._-" else "-" for character in name)


def _digest(documents: tuple[CorpusDocument, ...]) -> str:
    digest = hashlib.sha256()
    for document in documents:
        size = document.file.stat().st_size if document.file else 0
        digest.update(f"{document.name}\x00{document.title}\x00{document.text}\x00{size}\x01".encode())
    return digest.hexdigest()[:8]


def _rows(folder: Path, name: str, *needed: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_lines(folder, name), start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise SetUnreadable(folder=folder, reason=f"{name} line {number} is not JSON") from error
        if not isinstance(row, dict) or any(field not in row for field in needed):
            raise SetUnreadable(folder=folder, reason=f"{name} line {number} lacks one of {', '.join(needed)}")
        yield row


def _judgement_rows(folder: Path) -> Iterator[tuple[str, str, int]]:
    rows = csv.reader(_lines(folder, "qrels.tsv"), delimiter="\t", quoting=csv.QUOTE_NONE)
    next(rows, None)
    for number, row in enumerate(rows, start=2):
        try:
            query, document, grade = row
            yield query, document, int(grade)
        except ValueError as error:
            raise SetUnreadable(folder=folder, reason=f"qrels.tsv line {number} is not query, corpus, score") from error


def _lines(folder: Path, name: str) -> list[str]:
    try:
        text = (folder / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = f"{name} is missing" if isinstance(error, FileNotFoundError) else f"{name}: {error}"
        raise SetUnreadable(folder=folder, reason=reason) from error
    return [line for line in text.split("\n") if line.strip()]
