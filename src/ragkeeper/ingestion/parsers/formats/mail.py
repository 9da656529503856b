"""E-mail: header lines people search for, the body, the text of attached documents; mailboxes message by message."""

import email
import re
from collections.abc import Callable, Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from itertools import islice
from typing import Any

from ragkeeper.ingestion.errors import FileDamaged, FileEncrypted, FormatUnsupported, IngestionError
from ragkeeper.ingestion.parsers import sniff
from ragkeeper.ingestion.parsers.builder import DocumentBuilder, one_line
from ragkeeper.ingestion.parsers.formats import engine, office
from ragkeeper.ingestion.parsers.formats.nodes import NodeRenderer
from ragkeeper.ingestion.parsers.port import ParsedDocument

Read = Callable[[bytes, str], ParsedDocument]
"""reads an attached file by its bytes and its name; raises subclasses of IngestionError"""

_FROM_LINE = re.compile(rb"^From [^\n]*\n(?=[!-9;-~]+:)", re.MULTILINE)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\ufffd]")
_ATTACHED = ("application/pdf", "application/vnd.", "application/msword", "application/rtf", "text/html", "message/")
# Logos and signatures: nothing that anybody would look for.
_WORDLESS = frozenset({"image", "audio", "video", "multipart"})
_SIGNATURES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"})
_MOST_ATTACHED = 100


def read(data: bytes, read_attached: Read) -> ParsedDocument:
    """Return one message; a message without words of its own is kept for its header, with a warning."""
    result = engine.extract_structured(data, sniff.MAIL, "e-mail")
    builder = DocumentBuilder(sniff.MAIL)
    _add_message(builder, result)
    _add_attached(builder, data, read_attached)
    return office.describe(builder, result.metadata)


def read_outlook(data: bytes) -> ParsedDocument:
    """Return one message that Outlook has saved, with the attachments that kreuzberg finds in it."""
    result = engine.extract_structured(data, sniff.MSG, "e-mail")
    builder = DocumentBuilder(sniff.MSG)
    _add_message(builder, result)
    for child in result.children or ():
        text = str(child["result"].content)
        if child["mime_type"].startswith(_ATTACHED) and text.strip() and not _CONTROLS.search(text):
            builder.add_heading(2, f"Attachment: {child['path']}")
            builder.add(text)
    return office.describe(builder, result.metadata)


def _add_message(builder: DocumentBuilder, result: Any) -> None:
    nodes = (result.document or {}).get("nodes") or []
    NodeRenderer(builder).render(nodes)
    if all(node["content"]["node_type"] == "metadata_block" for node in nodes):
        builder.warn("mail_without_text", "The message has no text of its own, perhaps because it is encrypted.")


def _add_attached(builder: DocumentBuilder, data: bytes, read_attached: Read) -> None:
    for name, content in islice(_attached(email.message_from_bytes(data)), _MOST_ATTACHED):
        try:
            document = read_attached(content, name)
        except IngestionError as error:
            builder.warn("attachment_unreadable", f"{name}: {error.message}")
            continue
        builder.add_heading(2, f"Attachment: {name}")
        builder.include(document, levels=2)


def _attached(message: Message) -> Iterator[tuple[str, bytes]]:
    """Name and content of each attached file and message; a message's own attachments are its own affair."""
    for part in _parts(message):
        if part.get_content_type() == "message/rfc822":
            yield from ((f"{_header(inner, 'Subject') or 'message'}.eml", inner.as_bytes()) for inner in _parts(part))
        elif part.is_multipart():
            yield from _attached(part)
        elif (name := _filename(part)) and _may_have_words(part):
            content = part.get_payload(decode=True)
            yield name, content if isinstance(content, bytes) else b""


def _parts(message: Message) -> list[Message]:
    payload = message.get_payload()
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def _may_have_words(part: Message) -> bool:
    return part.get_content_maintype() not in _WORDLESS and part.get_content_type() not in _SIGNATURES


def _filename(part: Message) -> str:
    return one_line(_words(part.get_filename() or ""))[:200]


def _header(message: Message, name: str) -> str:
    return one_line(_words(str(message.get(name, ""))))[:200]


def _words(raw: str) -> str:
    """A header's text, `=?utf-8?…?=` made readable; as it stands where its own description is wrong."""
    try:
        return str(make_header(decode_header(raw)))
    except (HeaderParseError, LookupError, ValueError):
        return raw


def read_mailbox(data: bytes, read_attached: Read) -> ParsedDocument:
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
        _add_attached(builder, message, read_attached)
    return builder.build()


def _messages(data: bytes) -> Iterator[bytes]:
    data = data.replace(b"\r\n", b"\n")
    starts = list(_FROM_LINE.finditer(data))
    for place, start in enumerate(starts):
        end = starts[place + 1].start() if place + 1 < len(starts) else len(data)
        yield _QUOTED_FROM.sub(rb"\1", data[start.end() : end])
