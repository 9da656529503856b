"""Decisions about confirmed results (which say the same, which belong together) and about index changes. No I/O."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from ragkeeper.retrieval.fusion import TOGETHER, Fused, by_document, ranked
from ragkeeper.retrieval.models import ConfirmedChunk, IndexOperation, OutboxRow, SearchMode

Ranked = tuple[ConfirmedChunk, float]
"""A confirmed chunk and its score."""

MOST_MERGED = 4
"""Chunks in one result at most: longer runs stay separate results."""

_ALIKE = 0.9
_CLOSE_SCORES = 0.02
# Texts of so different a length cannot share that many words; asking this first spares most of them the comparison.
_COMPARABLE = 0.9


def grouped(ranked: Sequence[Ranked], most: int) -> list[list[Ranked]]:
    """The first `most` results of chunks that come best first: neighbours together in reading order, without copies.

    A chunk behind the last result can only join one of them: it is no result that would take neighbours from them.
    Neighbours are chunks of one version whose ordinals touch. A copy is a chunk of another document whose words are
    at least 90 % the same as those of a better one; copies score almost alike, so only such chunks are compared.
    """
    groups: list[list[Ranked]] = []
    group_of: dict[tuple[str, int], list[Ranked]] = {}
    kept: list[Ranked] = []
    close = 0  # from here on those that were kept score almost like the next one
    for chunk, score in ranked:
        target = _smallest_fitting(*(group_of.get((chunk.version_id, chunk.ordinal + step)) for step in (-1, 1)))
        if target is None and len(groups) >= most:
            continue  # before it is compared with others, which takes the longest
        while close < len(kept) and kept[close][1] - score > _CLOSE_SCORES * max(kept[close][1], 1e-9):
            close += 1
        if any(_is_copy(chunk, better) for better, _ in kept[close:]):
            continue
        if target is None:
            target = []
            groups.append(target)
        target.append((chunk, score))
        kept.append((chunk, score))
        group_of[chunk.version_id, chunk.ordinal] = target
    return [sorted(group, key=lambda item: item[0].ordinal) for group in groups]


def _is_copy(chunk: ConfirmedChunk, better: ConfirmedChunk) -> bool:
    if better.document_id == chunk.document_id:
        return False
    size, other = len(chunk.text), len(better.text)
    if size < _COMPARABLE * other or other < _COMPARABLE * size:
        return False
    words, others = _words(chunk.text), _words(better.text)
    shared = len(words & others)
    return shared > 0 and shared >= _ALIKE * (len(words) + len(others) - shared)


# The chunks of the last searches, 20 KB each: more of them would be memory that grows for hours.
@lru_cache(maxsize=256)
def _words(text: str) -> frozenset[str]:
    return frozenset(text.lower().split())


def _smallest_fitting(*groups: list[Ranked] | None) -> list[Ranked] | None:
    fitting = [group for group in groups if group is not None and len(group) < MOST_MERGED]
    return min(fitting, key=len, default=None)


def joined(group: Sequence[Ranked]) -> str:
    """The text of neighbours in reading order, exactly as it stands in the document."""
    text, end = "", group[0][0].start
    for place, (chunk, _) in enumerate(group):
        text += chunk.text[end - chunk.start :]
        end = chunk.end
        if place < len(group) - 1 and chunk.gap:
            text += chunk.gap
            end += len(chunk.gap)
    return text


def searched_by(text: str | None, by_meaning: bool) -> str:
    """What an index was asked by."""
    if not by_meaning:
        return SearchMode.LEXICAL.value
    return SearchMode.DENSE.value if text is None else SearchMode.HYBRID.value


def best_score(group: Sequence[Ranked]) -> float:
    return max(score for _, score in group)


def best_first(group: Sequence[Ranked]) -> tuple[int, ...]:
    """The chunk ids of a group by score."""
    return tuple(chunk.chunk_id for chunk, _ in sorted(group, key=lambda item: -item[1]))


def ranked_together(chunks: Sequence[ConfirmedChunk], fused: Fused) -> list[Ranked]:
    """Chunks in the order of their own scores → best first, the first ones judged by document."""
    first, rest = chunks[:TOGETHER], chunks[TOGETHER:]
    scores = by_document(fused, {chunk.chunk_id: chunk.document_id for chunk in first})
    chunk_of = {chunk.chunk_id: chunk for chunk in first}
    judged = [(chunk_of[chunk_id], scores[chunk_id]) for chunk_id in ranked(scores)]
    return judged + [(chunk, fused.scores[chunk.chunk_id]) for chunk in rest]


def chunks_of(row: OutboxRow, sizes: Mapping[str, int]) -> int:
    """How many chunks a row is about; `sizes` knows it of versions. Removals name none."""
    if row.operation is IndexOperation.ADD_WORDS:
        return sizes.get(row.version_id or "", 0)
    if row.operation is IndexOperation.ADD_VECTORS:
        return (row.last_chunk_id or 0) - (row.first_chunk_id or 0) + 1
    return 0


def vector_ranges(rows: Sequence[OutboxRow], most: int) -> list[tuple[int, int, list[str]]]:
    """The chunk ids of the rows as few ranges of at most `most`: (first, last, versions that may lie in it)."""
    ranges: list[tuple[int, int, list[str]]] = []
    for row in sorted(rows, key=lambda row: row.first_chunk_id or 0):
        first, last, version_id = row.first_chunk_id or 0, row.last_chunk_id or 0, row.version_id or ""
        near = ranges and ranges[-1][0] <= first <= ranges[-1][1] + most // 10
        if near and last - ranges[-1][0] < most:
            start, end, known = ranges.pop()
            ranges.append((start, max(end, last), [*known, version_id]))
        else:
            ranges += [(start, min(start + most - 1, last), [version_id]) for start in range(first, last + 1, most)]
    return ranges


def aligned(
    held: Sequence[tuple[int, str]], expected: Sequence[tuple[int, str]], after: int, page: int
) -> tuple[dict[int, str], dict[int, str], int]:
    """Two pages of (chunk, version) above `after` cut to where both are complete, and the id up to which they are."""
    ends = [side[-1][0] for side in (held, expected) if len(side) == page]
    last = min(ends) if ends else max([chunk for chunk, _ in (*held, *expected)], default=after)
    within = [{chunk: version for chunk, version in side if chunk <= last} for side in (held, expected)]
    return within[0], within[1], last
