"""What is a finding, and how it is said."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from ragkeeper.retrieval.inspection.models import Finding, FindingKind, Waiting
from ragkeeper.retrieval.vectors import NO_VECTOR, decode_vector
from ragkeeper.storage.vectors.port import Candidate, WordsEntry

_HALF = 2  # bytes of a stored number
# int8 codes are rescored with the full vector, so that a chunk's own vector is found nearly exactly.
_SAME = 0.99
# Chunks with so many long words cannot consist of stop words alone.
_LONG_WORD = re.compile(r"[^\W_]{7,}")
_LONG_WORDS = 5

_REPAIR = "Run `ragkeeper doctor index --fix`."
_REBUILD = "Run `ragkeeper reindex`: the index is built anew from the documents, nothing is embedded again."
_RESTORE = "Upload these documents again, or restore their files from a backup; searches still find their text."
_SAYINGS: Mapping[FindingKind, tuple[str, str, bool]] = {
    FindingKind.UNUSABLE_INDEX: ("the index cannot be read: {reason}", _REBUILD, False),
    FindingKind.WRONG_MODEL: ("the index was made by {reason}", _REBUILD, False),
    FindingKind.ORPHANS: ("chunks in the index that belong to no document", _REPAIR, True),
    FindingKind.STALE: ("chunks in the index that belong to replaced versions", _REPAIR, True),
    FindingKind.MISSING_WORDS: ("chunks that are not in the index", _REPAIR, True),
    FindingKind.MISSING_VECTORS: ("chunks whose stored vector is not in the index", _REPAIR, True),
    FindingKind.DIFFERENT: ("chunks that the index holds with other content", _REBUILD, True),
    FindingKind.NOT_EMBEDDED: ("chunks of finished documents without a vector of the model that serves", _REPAIR, True),
    FindingKind.WRONG_DIMENSION: ("stored vectors of another length than the model's", _REPAIR, True),
    FindingKind.UNUSABLE_VECTORS: ("stored vectors without a direction: zero, or not finite", _REPAIR, True),
    FindingKind.MISSING_ORIGINALS: ("documents whose file is missing", _RESTORE, False),
    FindingKind.CHANGED_ORIGINALS: ("documents whose file is not what was uploaded", _RESTORE, False),
}


def finding(kind: FindingKind, ids: Sequence[object], examples: int, reason: str = "") -> Finding:
    message, fix, repairable = _SAYINGS[kind]
    shown = tuple(str(one) for one in ids[:examples])
    return Finding(kind, len(ids) or 1, shown, message.format(reason=reason), fix, repairable)


def differing(
    held: Mapping[int, str], expected: Mapping[int, str], known_versions: frozenset[str], waiting: Waiting
) -> dict[FindingKind, list[int]]:
    """Chunks by what is wrong with them. held, expected: chunk to version; known_versions: those still in SQL."""
    found: dict[FindingKind, list[int]] = {
        FindingKind.MISSING_WORDS: [],
        FindingKind.STALE: [],
        FindingKind.ORPHANS: [],
    }
    for chunk, version in expected.items():
        if held.get(chunk) != version and version not in waiting.versions:
            found[FindingKind.STALE if chunk in held else FindingKind.MISSING_WORDS].append(chunk)
    for chunk, version in held.items():
        if chunk in expected or version in waiting.versions:
            continue
        if version in known_versions:
            found[FindingKind.STALE].append(chunk)
        elif not waiting.removes_documents:  # which chunks those rows are about is not known any more
            found[FindingKind.ORPHANS].append(chunk)
    return found


def unusable(stored: bytes, dimension: int) -> FindingKind | None:
    """What is wrong with a vector as SQL keeps it."""
    if stored == NO_VECTOR:
        return None
    if len(stored) != dimension * _HALF:
        return FindingKind.WRONG_DIMENSION
    vector = decode_vector(stored)
    return None if np.isfinite(vector).all() and vector.any() else FindingKind.UNUSABLE_VECTORS


def same_content(entry: WordsEntry, *, has_vector: bool, found: Sequence[Candidate], limit: int) -> bool:
    """Whether the index, asked for a chunk's own words and vector among its document's chunks, gives that chunk."""
    own = next((candidate for candidate in found if candidate.chunk_id == entry.chunk_id), None)
    says_something = len(set(_LONG_WORD.findall(entry.text))) >= _LONG_WORDS
    if own is None and not has_vector:
        # Words alone: none that are searched by, or so many chunks that say the same.
        return not says_something or len(found) >= limit
    if own is None:
        copies = [candidate for candidate in found if (candidate.dense or 0) >= _SAME]
        return len(copies) >= limit
    if has_vector and own.dense is not None and own.dense < _SAME:
        return False
    return not says_something or (own.lexical or 0) > 0
