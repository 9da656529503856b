"""Decisions of ingestion: no I/O."""

from collections.abc import Mapping, Sequence

from ragkeeper.ingestion.models import ParsedVersion


def newest(parsed: Sequence[ParsedVersion], current: Mapping[str, int]) -> list[ParsedVersion]:
    """Those that become current: of each document the highest number, if it is above the current one.

    current: document id to the number of its current version, 0 for none; a document that is missing was deleted.
    """
    best: dict[str, ParsedVersion] = {}
    for item in parsed:
        document_id, number = item.version.document_id, item.version.number
        if document_id not in current or number <= current[document_id]:
            continue
        if document_id not in best or number > best[document_id].version.number:
            best[document_id] = item
    return list(best.values())
