"""What of a web page is its content: menus, page frames and long lists of bare links are left out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import accumulate

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_MENU_ROLES = frozenset({"navigation", "search", "menu", "menubar"})
_LISTS = frozenset({"ul", "ol"})
_SILENT = frozenset({"script", "style", "template"})
# A list of this many links and of hardly a word beside them leads elsewhere; it says nothing itself.
_MENU_LINKS = 15
_LINKED_SHARE = 0.95
_WORDS_PER_LINK = 4
# What is cut may not be most of the page: then the page is a directory, or our idea of it is wrong.
_KEPT_SHARE = 0.3
_LONGEST = 20_000_000


@dataclass(slots=True)
class _Open:
    """An element that is open: where it began, and what had been read by then."""

    tag: str
    start: int
    kind: str
    words: int
    linked: int
    links: int


def without_frame(page: str) -> str:
    """Return the page with its head and its content only; all of it when that is hard to tell."""
    if len(page) > _LONGEST:
        return page
    reader = _Reader(page)
    try:
        reader.feed(page)
        reader.close()
    except AssertionError:  # what Python's reader says to "<![" followed by nothing it knows
        return page
    cut = [span for span in reader.menus if reader.words_kept(span)]
    return _removed(page, sorted([*cut, *reader.around_main()]))


def _removed(page: str, spans: Sequence[tuple[int, int]]) -> str:
    parts, place = [], 0
    for start, end in spans:
        if start >= place:
            parts.append(page[place:start])
        place = max(place, end)
    return "\n".join([*parts, page[place:]])


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=False)
        self._page = page
        self._lines = [0, *accumulate(len(line) + 1 for line in page.split("\n"))]
        self._tags = Counter[str]()
        self._open: list[_Open] = []
        self._words = self._linked = self._links = 0
        self._in_link = self._in_silence = 0
        self._body: tuple[int, int] | None = None
        self._mains: list[tuple[int, int, int]] = []
        self._found: list[tuple[int, int, int]] = []

    @property
    def menus(self) -> list[tuple[int, int]]:
        return [(start, end) for start, end, _ in self._found]

    def words_kept(self, span: tuple[int, int]) -> bool:
        """Whether the page stays a page without this."""
        words = sum(words for start, end, words in self._found if (start, end) == span)
        return self._words - words >= self._words * _KEPT_SHARE

    def around_main(self) -> list[tuple[int, int]]:
        """What lies in the body before and after the one main element, if that holds enough of the words."""
        if len(self._mains) != 1 or self._body is None:
            return []
        start, end, words = self._mains[0]
        if words < self._words * _KEPT_SHARE:
            return []
        return [(self._body[1], start), (end, len(self._page))]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_silence += tag in _SILENT
        if tag == "a":
            self._in_link, self._links = 1, self._links + 1
        if tag == "body" and self._body is None:
            self._body = (self._here(), self._here() + len(self.get_starttag_text() or ""))
        if tag not in _VOID:
            kind = _kind(tag, dict(attrs))
            self._tags[tag] += 1
            self._open.append(_Open(tag, self._here(), kind, self._words, self._linked, self._links))

    def handle_endtag(self, tag: str) -> None:
        self._in_silence -= tag in _SILENT and self._in_silence > 0
        if tag == "a":
            self._in_link = 0
        while self._tags[tag]:  # what was never closed inside it ends here, and is not judged
            element = self._open.pop()
            self._tags[element.tag] -= 1
            if element.tag == tag:
                self._close(element)
                return

    def handle_data(self, data: str) -> None:
        if not self._in_silence:
            words = len(data.split())
            self._words += words
            self._linked += words if self._in_link else 0

    def _close(self, element: _Open) -> None:
        words = self._words - element.words
        end = self._page.find(">", self._here()) + 1 or len(self._page)
        if element.kind == "main":
            self._mains.append((element.start, end, words))
        elif element.kind == "menu" or (element.kind == "list" and self._is_menu(element, words)):
            self._found.append((element.start, end, words))

    def _is_menu(self, element: _Open, words: int) -> bool:
        links = self._links - element.links
        linked = self._linked - element.linked
        return links >= _MENU_LINKS and linked >= words * _LINKED_SHARE and words <= links * _WORDS_PER_LINK

    def _here(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column


def _kind(tag: str, attributes: dict[str, str | None]) -> str:
    role = (attributes.get("role") or "").lower()
    if tag == "main" or role == "main":
        return "main"
    if tag == "nav" or role in _MENU_ROLES or "noprint" in (attributes.get("class") or "").split():
        return "menu"
    return "list" if tag in _LISTS else ""
