"""Web addresses as names of pages: one spelling each, and what lies inside a source."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import httpx

from ragkeeper.ingestion.sources.connectors.rules import is_wanted

_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_LONGEST = 2000
_WEB = {"http", "https"}

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_SUFFIX_BY_TYPE = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "application/rtf": ".rtf",
    "text/rtf": ".rtf",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/msword": ".doc",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.ms-excel": ".xls",
    "application/epub+zip": ".epub",
    "message/rfc822": ".eml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.presentation": ".odp",
}
# What servers say when they do not know a file's type: its name decides.
_NO_TYPES = frozenset(
    {"", "application/octet-stream", "binary/octet-stream", "application/zip", "application/force-download"}
)
_DOCUMENTS = frozenset(_SUFFIX_BY_TYPE.values()) | frozenset(
    {".markdown", ".rst", ".org", ".adoc", ".tsv", ".tex", ".ipynb"}
)
_PICTURES = ("png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico", "bmp", "tif", "tiff", "img")
_SOUNDS = ("mp3", "mp4", "m4a", "m4v", "mov", "avi", "mkv", "webm", "ogg", "ogv", "wav", "flac", "swf", "torrent")
_ARCHIVES = (
    "zip",
    "gz",
    "tgz",
    "bz2",
    "xz",
    "zst",
    "7z",
    "rar",
    "tar",
    "deb",
    "rpm",
    "apk",
    "jar",
    "war",
    "whl",
    "iso",
)
_PROGRAMS = ("css", "js", "mjs", "map", "json", "whl", "exe", "msi", "dmg", "bin", "so", "dll", "wasm")
_REST = ("xml", "rss", "atom", "ics", "sig", "otf", "eot", "woff", "woff2", "ttf")
_OTHERS = frozenset(f".{name}" for name in (*_PICTURES, *_SOUNDS, *_ARCHIVES, *_PROGRAMS, *_REST))


def canonical(link: str, base: str | None = None) -> str | None:
    """The one spelling of a page's address, without its fragment; None for what is no web address.

    Host in lower case, no default port, no dot segments, escapes only where needed and in upper case. The query stays
    as it is: what its parts mean is the site's business.
    """
    try:
        joined = httpx.URL(base).join(link.strip()) if base else httpx.URL(link.strip())
        if joined.scheme not in _WEB or not joined.host:
            return None
        host = joined.raw_host.decode("ascii").rstrip(".").lower()
        url = joined.copy_with(raw_path=_plain_escapes(joined.raw_path), fragment=None, host=host.strip("[]"))
    except (httpx.InvalidURL, ValueError, TypeError):
        return None
    text = str(url)
    return text if len(text) <= _LONGEST else None


def _plain_escapes(raw_path: bytes) -> bytes:
    def plain(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in _UNRESERVED else match[0].upper()

    return _ESCAPE.sub(plain, raw_path.decode("ascii")).encode("ascii")


class Scope:
    """Which pages belong to a source: by host, by the beginning of their path, by patterns on their path."""

    def __init__(self, hosts: Iterable[str], prefix: str, include: Iterable[str], exclude: Iterable[str]) -> None:
        self._hosts = {host.lower().rstrip(".") for host in hosts}
        self._prefix = prefix
        self._include = tuple(include)
        self._exclude = tuple(exclude)

    def add_host(self, url: str) -> None:
        """Take in the host that a source's own first address leads to."""
        self._hosts.add(host_of(url))

    def may_visit(self, url: str) -> bool:
        """Whether a page is read, for itself or for its links."""
        path = _path(url)
        if host_of(url) not in self._hosts or not path.startswith(self._prefix):
            return False
        return is_wanted(path, (), self._exclude) and is_readable(url)

    def holds(self, url: str) -> bool:
        """Whether a page is an item, once it is read."""
        return self.may_visit(url) and is_wanted(_path(url), self._include, self._exclude)


def host_of(url: str) -> str:
    """Host and, where it is not the usual one, port; of an address in its one spelling, like all that follow."""
    return urlsplit(url).netloc


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_readable(url: str) -> bool:
    """Whether an address may lead to a document, by its ending alone: pictures, archives and programs do not."""
    return PurePosixPath(urlsplit(url).path).suffix.lower() not in _OTHERS


def is_document(content_type: str, url: str) -> bool:
    """Whether an answer is text for readers: a page or a file of a known kind."""
    if content_type in _SUFFIX_BY_TYPE or content_type.startswith(("text/x-", "application/x-latex")):
        return True
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
    return content_type in _NO_TYPES and suffix in _DOCUMENTS


def document_name(url: str) -> str:
    """What the document of a page is called: its address without the scheme, readable. `/a/` and `/a` differ."""
    parts = urlsplit(url)
    path = unquote(parts.path)
    query = f"?{unquote(parts.query)}" if parts.query else ""
    return f"{host_of(url)}{path}{'index' if path.endswith('/') else ''}{query}"


def filename(url: str, content_type: str) -> str:
    """A file name whose ending fits the type that the server tells."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name or "index"
    wanted = _SUFFIX_BY_TYPE.get(content_type, "")
    suffix = PurePosixPath(name).suffix.lower()
    fits = suffix == wanted or (content_type not in HTML_TYPES and suffix in _DOCUMENTS) or suffix in {".htm", ".xhtml"}
    return name if fits or not wanted else f"{name}{wanted}"


def _path(url: str) -> str:
    """Path and query, escapes and all."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
