"""What a crawler takes from a page: its links and what it asks of robots. Never more than linear time.

The standard library's parser takes quadratic time on hostile pages and has no way to be stopped, so the few tags that
matter are found by patterns whose work is bounded.
"""

import codecs
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ragkeeper.ingestion.sources.connectors.urls import canonical

HEAD_BYTES = 5_000_000
_MOST_LINKS = 5000
_PIECE = re.compile(
    r"""<(?:(?P<skipped>!--|script\b|style\b|textarea\b|title\b)
        |(?P<tag>a|area|frame|base|meta)(?=[\s/])(?P<attributes>(?:[^<>"']|"[^"]{0,4000}"|'[^']{0,4000}')*+)>)""",
    re.IGNORECASE | re.VERBOSE,
)
_ATTRIBUTE = re.compile(r"""([^\s"'>/=]++)(?:\s*+=\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_CHARSET = re.compile(rb"""<meta[^<>]{0,200}?charset\s{0,9}=\s{0,9}["']?([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_HEADER_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_ROBOTS = {"robots", "ragkeeper"}


@dataclass(frozen=True, slots=True)
class PageLinks:
    """links: absolute, in one spelling, in the page's order, without doubles; empty when none may be followed."""

    links: tuple[str, ...] = ()
    may_index: bool = True


def read_links(body: bytes, headers: Mapping[str, str], url: str) -> PageLinks:
    """The links of an HTML page at `url`; `rel=nofollow`, `meta robots` and `X-Robots-Tag` count."""
    asked = _directives(headers.get("x-robots-tag", ""))
    base, found = url, dict[str, None]()
    for tag, attributes in _tags(_text(body, headers)):
        if tag == "base" and base == url:
            base = canonical(attributes.get("href", ""), url) or url
        elif tag == "meta" and attributes.get("name", "").strip().lower() in _ROBOTS:
            asked |= _directives(attributes.get("content", ""))
        elif len(found) < _MOST_LINKS and (link := _link(tag, attributes, base)):
            found[link] = None
    follows = not asked & {"nofollow", "none"}
    return PageLinks(tuple(found) if follows else (), not asked & {"noindex", "none"})


def _link(tag: str, attributes: Mapping[str, str], base: str) -> str | None:
    target = attributes.get("src" if tag == "frame" else "href", "")
    if tag not in {"a", "area", "frame"} or not target or "nofollow" in attributes.get("rel", "").lower().split():
        return None
    return canonical(target, base)


def _tags(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    at = 0
    while piece := _PIECE.search(text, at):
        at = piece.end()
        if piece["skipped"]:
            at = _end_of(piece["skipped"], text, at)
        else:
            yield piece["tag"].lower(), _attributes(piece["attributes"])


def _end_of(skipped: str, text: str, at: int) -> int:
    """Where a comment or a script ends; one that never does takes the rest of the page with it."""
    if skipped == "!--":
        end = text.find("-->", at)
    else:
        closing = re.compile(f"</{skipped}", re.IGNORECASE).search(text, at)
        end = closing.end() if closing else -1
    return end if end >= 0 else len(text)


def _attributes(text: str) -> dict[str, str]:
    """By name in lower case; the first of two wins, as in browsers."""
    found: dict[str, str] = {}
    for name, double, single, bare in _ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), html.unescape(double or single or bare))
    return found


def _directives(text: str) -> set[str]:
    """`noindex`, `nofollow`, `none` and others; what is meant for another robot by name is left out."""
    words = [part.strip().lower() for part in text.split(",")]
    named = [word.partition(":") for word in words]
    return {rest.strip() if colon else name for name, colon, rest in named if not colon or name in _ROBOTS}


def _text(body: bytes, headers: Mapping[str, str]) -> str:
    told = _HEADER_CHARSET.search(headers.get("content-type", ""))
    written = _CHARSET.search(body[:2048])
    name = told[1] if told else written[1].decode("ascii") if written else "utf-8"
    for mark, charset in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if body.startswith(mark):
            name = charset
    try:
        return body.decode(name, "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")
