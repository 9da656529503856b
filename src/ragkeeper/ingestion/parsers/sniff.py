"""What a file is, told by its content; its name only settles between kinds of text."""

import re
from pathlib import PurePath

from ragkeeper.ingestion.errors import ArchiveRefused, FileEncrypted, FormatUnsupported
from ragkeeper.ingestion.parsers import charsets

HEAD_BYTES = 65_536

PDF = "application/pdf"
RTF = "application/rtf"
HTML = "text/html"
XML = "application/xml"
CSV = "text/csv"
TSV = "text/tab-separated-values"
JSON = "application/json"
JSONL = "application/x-ndjson"
NOTEBOOK = "application/x-ipynb+json"
PLAIN = "text/plain"
MARKDOWN = "text/markdown"
RST = "text/x-rst"
ORG = "text/x-org"
ASCIIDOC = "text/asciidoc"
LATEX = "application/x-latex"
VTT = "text/vtt"
MAIL = "message/rfc822"
MBOX = "application/mbox"
MSG = "application/vnd.ms-outlook"
EPUB = "application/epub+zip"
DOC = "application/msword"
PPT = "application/vnd.ms-powerpoint"
XLS = "application/vnd.ms-excel"
_OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX = _OFFICE + "wordprocessingml.document"
PPTX = _OFFICE + "presentationml.presentation"
XLSX = _OFFICE + "spreadsheetml.sheet"
_OPEN = "application/vnd.oasis.opendocument."
ODT, ODS, ODP = _OPEN + "text", _OPEN + "spreadsheet", _OPEN + "presentation"

_TEXT_SUFFIXES = {
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".mdx": MARKDOWN,
    ".qmd": MARKDOWN,
    ".rst": RST,
    ".org": ORG,
    ".adoc": ASCIIDOC,
    ".asciidoc": ASCIIDOC,
    ".asc": ASCIIDOC,
    ".tex": LATEX,
    ".latex": LATEX,
    ".vtt": VTT,
    ".srt": VTT,
    ".csv": CSV,
    ".tsv": TSV,
    ".tab": TSV,
    ".json": JSON,
    ".jsonl": JSONL,
    ".ndjson": JSONL,
    ".ipynb": NOTEBOOK,
    ".xml": XML,
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".eml": MAIL,
    ".mbox": MBOX,
}
_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"BM", "image/bmp"),
)
_ARCHIVES = (
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x1f\x9d", "compress"),
    (b"MSCF", "cab"),
    (b"!<arch>\n", "ar"),
    (b"\x04\x22\x4d\x18", "lz4"),
)
_BINARIES = (
    (b"\x7fELF", "a Linux program"),
    (b"MZ", "a Windows program"),
    (b"OggS", "Ogg audio"),
    (b"ID3", "MP3 audio"),
    (b"\xff\xfb", "MP3 audio"),
    (b"fLaC", "FLAC audio"),
    (b"ITSF", "a Windows help file (CHM)"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "a OneNote notebook"),
    (b"\0\0\1\0", "an icon"),
    (b"\x1aE\xdf\xa3", "Matroska video"),
)
_ZIP_PARTS = (
    ("word/document.xml", DOCX),
    ("word/document2.xml", DOCX),
    ("ppt/presentation.xml", PPTX),
    ("xl/workbook.xml", XLSX),
    ("xl/workbook.bin", "application/vnd.ms-excel.sheet.binary.macroEnabled.12"),
    ("META-INF/container.xml", EPUB),
)
_ZIP_FOLDERS = (("word/", DOCX), ("ppt/slides/", PPTX), ("xl/worksheets/", XLSX))
_OLE_STREAMS = (
    ("EncryptedPackage", ""),
    ("EncryptedSummary", ""),
    ("WordDocument", DOC),
    ("PowerPoint Document", PPT),
    ("__properties_version1.0", MSG),
    ("Workbook", XLS),
    ("Book", XLS),
)
_MAIL_HEADER = re.compile(rb"\A\s*(?:[A-Za-z][A-Za-z0-9-]{0,60}:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}", re.ASCII)
_MAIL_NAMES = re.compile(
    rb"^(?:from|received|return-path|message-id|mime-version|delivered-to|subject|to|date|x-[\w-]+):",
    re.IGNORECASE | re.MULTILINE,
)
_HTML_START = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_PDF_HEAD = 1024
_MAIL_HEADERS = 2  # one line with a colon could be prose
# A PDF whose first line is broken still starts with a comment or an object.
_PDF_OBJECT = re.compile(rb"\A(?:%[^\n]{0,200}\n){0,3}\s*\d{1,6} \d{1,5} obj\b")


def identify(data: bytes, filename: str) -> str:
    """Return the media type of a file that is neither zip nor OLE; raises ArchiveRefused or FormatUnsupported."""
    head = data[:HEAD_BYTES]
    known = _by_magic(head)
    if known:
        return known
    for magic, name in _ARCHIVES:
        if head.startswith(magic):
            raise ArchiveRefused(found=name)
    if head[257:262] == b"ustar":
        raise ArchiveRefused(found="tar")
    for magic, name in _BINARIES:
        if head.startswith(magic) and not charsets.looks_like_text(head):
            raise FormatUnsupported(found=name)
    if head[4:8] == b"ftyp":
        raise FormatUnsupported(found="MP4 audio or video")
    if not charsets.looks_like_text(head):
        raise FormatUnsupported(found="unknown binary data")
    return _kind_of_text(head, PurePath(filename).suffix.lower())


def _by_magic(head: bytes) -> str | None:
    if b"%PDF-" in head[:_PDF_HEAD] or _PDF_OBJECT.match(head):
        return PDF
    if head.startswith(b"{\\rtf"):
        return RTF
    for magic, media_type in _IMAGES:
        if head.startswith(magic) and not (magic == b"BM" and charsets.looks_like_text(head)):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return None


def _kind_of_text(head: bytes, suffix: str) -> str:
    named = _TEXT_SUFFIXES.get(suffix)
    start = head[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if named in (MAIL, MBOX, None):
        if head.startswith(b"From ") and b"\nFrom:" in head:
            return MBOX
        if named or _is_mail(head):
            return MAIL
    if named:
        return HTML if named == XML and _HTML_START.search(start[:1024]) else named
    if _HTML_START.match(start) or (start.startswith(b"<?xml") and _HTML_START.search(start[:2048])):
        return HTML
    return XML if start.startswith(b"<?xml") else PLAIN


def _is_mail(head: bytes) -> bool:
    block = _MAIL_HEADER.match(head)
    return block is not None and len(_MAIL_NAMES.findall(block.group())) >= _MAIL_HEADERS


def identify_zip(names: list[str], mimetype: bytes) -> str:
    """Return the media type of a zip by its entries and the text of its `mimetype` entry; raises ArchiveRefused."""
    declared = mimetype.decode("ascii", "replace").strip()
    if declared == EPUB or declared.startswith(_OPEN):
        return declared.removesuffix("-template")
    present = set(names)
    for part, media_type in _ZIP_PARTS:
        if part in present:
            return media_type
    if (
        any(name.startswith("Index/") and name.endswith(".iwa") for name in names)
        or "index.xml" in present
        or "Index.zip" in present
    ):
        raise FormatUnsupported(found="an Apple iWork document")
    for folder, media_type in _ZIP_FOLDERS:
        if "[Content_Types].xml" in present and any(name.startswith(folder) for name in names):
            return media_type
    raise ArchiveRefused(found="zip")


def identify_ole(data: bytes, filename: str) -> str:
    """Return the media type of an OLE file by its streams' names; raises FileEncrypted, FormatUnsupported."""
    lowered = data.lower()  # writers do not agree on capitals
    for stream, media_type in _OLE_STREAMS:
        if (stream.encode("utf-16-le") + b"\0\0").lower() in lowered:
            if not media_type:
                raise FileEncrypted(kind="Office document")
            return media_type
    raise FormatUnsupported(found=f"an OLE container ({PurePath(filename).suffix or 'no extension'})")
