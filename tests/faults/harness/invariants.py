"""What must hold of a server with nothing left to do, as sentences about what does not. Pure: a model and a look."""

from collections import Counter
from collections.abc import Iterator

from tests.faults.harness.look import Look, Stored, by_version
from tests.faults.harness.model import Model
from tests.faults.harness.texts import Content, is_whole, numbers_in

MAY_PASS = frozenset(
    {
        "parser_crashed",
        "parser_timed_out",
        "parser_out_of_memory",
        "parser_unavailable",
        "file_not_opened",
        "file_missing",
        "reading_abandoned",
    }
)
"""Why a sound file may have failed while readers were killed, the server frozen, or the disk full."""


def violations(model: Model, look: Look, *, restarted: bool = True) -> list[str]:
    """Every sentence names the document or the file that it is about.

    restarted: the server has started since the last fault, and so has cleaned up what was left lying about.
    """
    return [
        *_names(model, look),
        *_documents(model, look),
        *_listing(look),
        *_found(model, look),
        *_texts(model, look),
        *_counts(look),
        *_files(look),
        *(_left_behind(look) if restarted else ()),
        *look.damage,
        *(f"{path} answers for a deleted document" for path in look.readable),
    ]


def _names(model: Model, look: Look) -> Iterator[str]:
    """Each name has the newest content that it may have, and one document or none."""
    contents = model.contents
    counted = Counter((one.collection, one.name) for one in look.documents)
    yield from (f"{name} is there {count} times" for (_, name), count in counted.items() if count > 1)
    stored = {one.name: one for one in look.documents}
    for name in sorted({*model.names, *stored}):
        one = stored.get(name)
        found = contents.get(one.newest_hash or "") if one else None
        possible = model.names[name].possible if name in model.names else {None}
        if one and found is None:
            yield f"{name} ({one.id}) holds a content that nobody sent for it, {one.newest_hash}"
        elif found not in possible:
            yield f"{name} holds {_called(found)} and should hold {' or '.join(sorted(map(_called, possible)))}"


def _documents(model: Model, look: Look) -> Iterator[str]:
    """Each document is ready, or says why it is not."""
    contents = model.contents
    for one in look.documents:
        content = contents.get(one.newest_hash or "")
        if content is None or one.name not in model.names or _is_explained(one, content, model):
            continue
        yield f"{one.name} ({one.id}, {content.suffix}) is {one.status} with code {one.code}"


def _is_explained(one: Stored, content: Content, model: Model) -> bool:
    if one.status == "failed":
        return bool(one.code) and (one.code in MAY_PASS or not content.readable)
    return one.status == "ready" or (one.status == "cancelled" and model.names[one.name].stopped)


def _listing(look: Look) -> Iterator[str]:
    """The list over HTTP is what the database holds."""
    listed, stored = Counter(look.listed), Counter((one.id, one.status or "") for one in look.documents)
    yield from (f"document {one[0]} is stored as {one[1]} and not listed so" for one in stored - listed)
    yield from (f"document {one[0]} is listed as {one[1]} and not stored so" for one in listed - stored)


def _found(model: Model, look: Look) -> Iterator[str]:
    """A content's word finds exactly the documents that hold it, and no chunk of them twice."""
    holders: dict[str, set[str]] = {}
    sure: dict[str, set[str]] = {}
    for one in look.documents:
        if one.current_hash is not None:
            holders.setdefault(one.current_hash, set()).add(one.id)
            if one.current == one.newest and one.status == "ready":
                sure.setdefault(one.current_hash, set()).add(one.id)
    for content in model.contents.values():
        if content.number not in look.hits or not content.readable:
            continue
        found = {document for document, _ in look.hits[content.number]}
        held = holders.get(content.sha256, set())
        foreign = found - held
        # Of documents that share their text a search shows one; it may be one whose newer version could not be read.
        missing = set() if found & held else sure.get(content.sha256, set())
        yield from (f"{content.key} does not find document {document}" for document in sorted(missing))
        yield from (f"{content.key} finds document {document}, which does not hold it" for document in sorted(foreign))
        chunks = Counter(chunk for _, ids in look.hits[content.number] for chunk in ids)
        yield from (f"{content.key} finds chunk {chunk} {n} times" for chunk, n in chunks.items() if n > 1)


def _texts(model: Model, look: Look) -> Iterator[str]:
    """Current versions have their whole text and chunks, each once; no other version has any."""
    contents, rows = model.contents, by_version(look.chunks)
    current = {one.current: one for one in look.documents if one.current}
    yield from (
        f"text of version {version} is kept, which is not current" for version in sorted(look.texts.keys() - current)
    )
    yield from (
        f"chunks of version {version} are kept, which is not current" for version in sorted(rows.keys() - current)
    )
    for version, one in current.items():
        ordinals = [row.ordinal for row in rows.get(version, [])]
        if ordinals != list(range(len(ordinals))) or not ordinals:
            yield f"{one.name} ({one.id}) has chunks {ordinals}"
        content = contents.get(one.current_hash or "")
        if content and content.readable:
            yield from _whole(one, content, look.texts.get(version, ""), [row.text for row in rows.get(version, [])])


def _whole(one: Stored, content: Content, text: str, chunks: list[str]) -> Iterator[str]:
    if not is_whole(content, text):
        yield f"{one.name} ({one.id}) has the texts {sorted(numbers_in(text))}, not the whole of {content.number}"
    if numbers_in(" ".join(chunks)) != {content.number}:
        yield f"{one.name} ({one.id}) has chunks of {sorted(numbers_in(' '.join(chunks)))}, not of {content.number}"


def _counts(look: Look) -> Iterator[str]:
    """The index holds what the database holds."""
    index = look.status["index"]
    if index["chunks"] != len(look.chunks):
        yield f"the index holds {index['chunks']} chunks, the database {len(look.chunks)}"
    if index["vectors"] != look.vectors:
        yield f"the index holds {index['vectors']} vectors, the database {look.vectors}"
    if look.outbox:
        yield f"{look.outbox} changes wait for the index"


def _files(look: Look) -> Iterator[str]:
    """What versions name is there, with the bytes that it is named after."""
    yield from (f"original {name} is missing" for name in sorted(look.used - look.originals.keys()))
    yield from (f"original {name} has other bytes" for name, found in look.originals.items() if name != found)


def _left_behind(look: Look) -> Iterator[str]:
    yield from (f"original {name} belongs to no version" for name in sorted(look.originals.keys() - look.used))
    yield from (f"{path} was left behind" for path in look.left)


def _called(content: Content | None) -> str:
    return "nothing" if content is None else f"content {content.number}"
