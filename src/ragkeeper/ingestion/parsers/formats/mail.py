"""E-mail: header lines people search for, the body, the text of attached documents; mailboxes message by message."""

import re
from collections.abc import Iterator
from typing import Any

from ragkeeper.ingestion.errors import FileDamaged, FileEncrypted, FormatUnsupported
from ragkeeper.ingestion.parsers import sniff
from ragkeeper.ingestion.parsers.builder import DocumentBuilder
from ragkeeper.ingestion.parsers.formats import engine, office
from ragkeeper.ingestion.parsers.formats.nodes import NodeRenderer
from ragkeeper.ingestion.parsers.port import ParsedDocument

_FROM_LINE = re.compile(rb"^From [^\n]*\n(?=[!-9;-~]+:)", re.MULTILINE)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\ufffd]")
_ATTACHED = ("application/pdf", "application/vnd.", "application/msword", "application/rtf", "text/html", "message/")


def read(data: bytes, media_type: str) -> ParsedDocument:
    """Return one message; a message without words of its own is kept for its header, with a warning."""
    result = engine.extract_structured(data, media_type, "e-mail")
    builder = DocumentBuilder(media_type)
    _add_message(builder, result)
    return office.describe(builder, result.metadata)


def _add_message(builder: DocumentBuilder, result: Any) -> None:
    nodes = (result.document or {}).get("nodes") or []
    NodeRenderer(builder).render(nodes)
    if all(node["content"]["node_type"] == "metadata_block" for node in nodes):
        builder.warn("mail_without_text", "The message has no text of its own, perhaps because it is encrypted.")
    for child in result.children or ():
        text = str(child["result"].content)
        if child["mime_type"].startswith(_ATTACHED) and text.strip() and not _CONTROLS.search(text):
            builder.add_heading(2, f"Attachment: {child['path']}")
            builder.add(text)


def read_mailbox(data: bytes) -> ParsedDocument:
    """Return all messages, each under a heading with its subject; unreadable messages are named in warnings."""
    builder = DocumentBuilder(sniff.MBOX)
    for number, message in enumerate(_messages(data), 1):
        try:
            result = engine.extract_structured(message, sniff.MAIL, "e-mail")
        except (FileDamaged, FileEncrypted, FormatUnsupported) as error:
            builder.warn("message_unreadable", f"Message {number}: {error.message}", None)
            continue
        builder.add_heading(1, str(result.metadata.get("subject") or f"Message {number}"))
        _add_message(builder, result)
    return builder.build()


def _messages(data: bytes) -> Iterator[bytes]:
    data = data.replace(b"\r\n", b"\n")
    starts = list(_FROM_LINE.finditer(data))
    for place, start in enumerate(starts):
        end = starts[place + 1].start() if place + 1 < len(starts) else len(data)
        yield _QUOTED_FROM.sub(rb"\1", data[start.end() : end])
