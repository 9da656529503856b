"""Files made to exhaust or deceive a server, made here and read by the real child."""

import contextlib
import hashlib
import io
import struct
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragkeeper.ingestion.errors import IngestionError
from ragkeeper.ingestion.parsers.pool import SandboxedParser

DOCUMENT = "word/document.xml"


@pytest.fixture
async def parser(tmp_path: Path) -> AsyncIterator[SandboxedParser]:
    chosen = SandboxedParser(folder=tmp_path / "work", workers=1, memory_bytes=512 << 20, seconds=20.0)
    yield chosen
    await chosen.close()


def docx(parts: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        for name, content in parts.items():
            archive.writestr(name, content)
    return held.getvalue()


def bomb() -> bytes:
    return docx({DOCUMENT: b"<w:t>" + b"a" * (80 << 20) + b"</w:t>"})


def lying_bomb() -> bytes:
    """A part that declares 10 bytes and holds 20 MiB."""
    honest = docx({DOCUMENT: b"a" * (20 << 20)})
    return honest.replace(struct.pack("<I", 20 << 20), struct.pack("<I", 10))


def overlapping() -> bytes:
    data = bytearray(docx({DOCUMENT: b"one", "word/two.xml": b"two", "word/three.xml": b"three"}))
    entry = data.rindex(b"PK\1\2")
    offset = struct.unpack_from("<I", data, data.index(b"PK\1\2") + 42)[0]
    struct.pack_into("<I", data, entry + 42, offset)
    return bytes(data)


def many_parts() -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(DOCUMENT, "<a/>")
        for number in range(20_001):
            archive.writestr(f"{number}", "")
    return held.getvalue()


def entity_bomb() -> bytes:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e0 "lol">{entities}]><a>&e9;</a>'.encode()


def noise() -> bytes:
    return b"".join(hashlib.sha256(bytes([number])).digest() for number in range(256))


CASES = {
    "zip bomb": (bomb, "report.docx", {"expansion_too_large"}),
    "zip bomb with a false size": (lying_bomb, "report.docx", {"expansion_too_large", "file_damaged"}),
    "parts that share bytes": (overlapping, "report.docx", {"expansion_too_large"}),
    "too many parts": (many_parts, "report.docx", {"expansion_too_large"}),
    "entity bomb": (entity_bomb, "data.xml", {"expansion_too_large"}),
    "deep XML": (lambda: b"<a>" * 200_000, "data.xml", {"nested_too_deeply"}),
    "deep JSON": (lambda: b"[" * 200_000 + b"]" * 200_000, "data.json", {"nested_too_deeply"}),
    "random bytes called text": (noise, "notes.txt", {"format_unsupported"}),
    "truncated PDF": (lambda: b"%PDF-1.7\n1 0 obj\n<<", "a.pdf", {"file_damaged"}),
    "truncated docx": (lambda: bomb()[:2000], "a.docx", {"file_damaged"}),
    "zeros": (lambda: bytes(10_000), "a.txt", {"format_unsupported"}),
}


@pytest.mark.parametrize("case", CASES)
async def test_hostile_files_are_refused_with_their_code(parser: SandboxedParser, tmp_path: Path, case: str):
    make, filename, codes = CASES[case]
    path = tmp_path / "upload"
    path.write_bytes(make())
    with pytest.raises(IngestionError) as caught:
        await parser.parse(path, filename)
    assert caught.value.code in codes
    assert caught.value.advice


async def test_deeply_nested_html_cannot_take_the_memory(parser: SandboxedParser, tmp_path: Path):
    path = tmp_path / "upload"
    path.write_bytes(b"<html>" + b"<div>" * 100_000 + b"deep words" + b"</div>" * 100_000)
    with contextlib.suppress(IngestionError):  # kreuzberg may give up; only the server must not
        assert "deep words" in (await parser.parse(path, "deep.html")).text
    path.write_text("Still reading.")
    assert (await parser.parse(path, "next.txt")).text == "Still reading."


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "cp1251", "shift_jis", "gb18030", "cp1256"],
)
async def test_odd_encodings_are_read_as_written(parser: SandboxedParser, tmp_path: Path, encoding: str):
    texts = {
        "cp1251": "Это русский текст для проверки кодировки.",
        "shift_jis": "これは日本語のテキストです。東京の天気は晴れです。",
        "gb18030": "这是一个中文文本测试。我们在北京。",
        "cp1256": "هذا نص عربي للاختبار",
    }
    text = texts.get(encoding, "Größe und naïve Cafés: über 5 Straßen")
    path = tmp_path / "upload"
    path.write_bytes(text.encode(encoding))
    assert (await parser.parse(path, "text.txt")).text == text
