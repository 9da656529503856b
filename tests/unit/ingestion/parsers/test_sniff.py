"""Files are told by content; names only choose between kinds of text."""

import pytest

from ragkeeper.ingestion.errors import ArchiveRefused, FileEncrypted, FormatUnsupported
from ragkeeper.ingestion.parsers import sniff

MAIL = b"From: a@example.org\nTo: b@example.org\nSubject: duck\n\nwords\n"


@pytest.mark.parametrize(
    ("data", "filename", "media_type"),
    [
        (b"%PDF-1.7\n", "a.txt", sniff.PDF),
        (b"junk before\n%PDF-1.4", "a", sniff.PDF),
        (b"{\\rtf1 words}", "a.doc", sniff.RTF),
        (b"\x89PNG\r\n\x1a\n\0\0", "a.pdf", "image/png"),
        (b"BM looks like a bitmap but is a sentence.", "a.txt", sniff.PLAIN),
        (b"plain words", "a.pdf", sniff.PLAIN),
        (b"# words", "README.MD", sniff.MARKDOWN),
        (b"a,b\n1,2", "a.csv", sniff.CSV),
        (b"<!DOCTYPE html><p>words", "a", sniff.HTML),
        (b'<?xml version="1.0"?><html xmlns="x">', "a.xml", sniff.HTML),
        (b'<?xml version="1.0"?><data/>', "a", sniff.XML),
        (MAIL, "a", sniff.MAIL),
        (b"From a@example.org Mon Jan 1\n" + MAIL, "a", sniff.MBOX),
        (b"Note: one colon\n\nwords", "a", sniff.PLAIN),
    ],
)
def test_content_names_the_kind(data: bytes, filename: str, media_type: str):
    assert sniff.identify(data, filename) == media_type


@pytest.mark.parametrize(
    ("data", "error", "found"),
    [
        (b"7z\xbc\xaf\x27\x1c\0\4", ArchiveRefused, "7z"),
        (b"\x1f\x8b\x08\0", ArchiveRefused, "gzip"),
        (b"a" * 257 + b"ustar\0", ArchiveRefused, "tar"),
        (b"\x7fELF\2\1\1\0" + bytes(50), FormatUnsupported, "Linux program"),
        (b"\0\0\0 ftypM4A " + bytes(50), FormatUnsupported, "MP4"),
        (bytes(range(256)) * 20, FormatUnsupported, "binary"),
    ],
)
def test_archives_and_binaries_are_refused(data: bytes, error: type[Exception], found: str):
    with pytest.raises(error, match=found):
        sniff.identify(data, "notes.txt")


def test_zip_containers_are_told_by_their_parts():
    assert sniff.identify_zip(["word/document.xml"], b"") == sniff.DOCX
    assert sniff.identify_zip(["content.xml"], sniff.ODT.encode()) == sniff.ODT
    assert sniff.identify_zip(["META-INF/container.xml"], sniff.EPUB.encode()) == sniff.EPUB
    with pytest.raises(ArchiveRefused):
        sniff.identify_zip(["README", "src/main.c"], b"")
    with pytest.raises(FormatUnsupported, match="iWork"):
        sniff.identify_zip(["Index/Document.iwa"], b"")


def test_ole_containers_are_told_by_their_streams():
    assert sniff.identify_ole("WordDocument".encode("utf-16-le") + b"\0\0", "a.doc") == sniff.DOC
    with pytest.raises(FileEncrypted):
        sniff.identify_ole("EncryptedPackage".encode("utf-16-le") + b"\0\0", "a.docx")
    with pytest.raises(FormatUnsupported):
        sniff.identify_ole(b"nothing known", "a.mpp")
