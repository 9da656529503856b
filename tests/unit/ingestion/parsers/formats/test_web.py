"""Menus and frames of web pages go, words stay."""

import pytest

from ragkeeper.ingestion.parsers import reader
from ragkeeper.ingestion.parsers.formats import web
from ragkeeper.ingestion.parsers.port import ParseOptions

WORDS = " ".join(["duck"] * 60)
LINKS = "".join(f'<li><a href="/{number}">Language {number}</a></li>' for number in range(20))


def text(page: str) -> str:
    return reader.read(page.encode(), "page.html", ParseOptions()).text


def test_only_the_main_element_counts_where_it_holds_the_words():
    page = (
        "<html><head><title>Ducks</title></head><body><a href='#c'>Skip to content</a><header>Our shop</header>"
        f"<main id=c><h1>Ducks</h1><p>{WORDS}</p></main><footer>All rights reserved</footer></body></html>"
    )
    document = reader.read(page.encode(), "page.html", ParseOptions())
    assert document.title == "Ducks"
    assert document.text == f"Ducks\n\n{WORDS}"


@pytest.mark.parametrize(
    "menu",
    [
        f"<nav>{LINKS}</nav>",
        "<div role=navigation><p>Menu</p></div>",
        f"<ul>{LINKS}</ul>",
        "<p class='noprint small'>Edit this</p>",
    ],
)
def test_menus_are_left_out(menu: str):
    assert text(f"<body><h1>Ducks</h1>{menu}<p>{WORDS}</p></body>") == f"Ducks\n\n{WORDS}"


@pytest.mark.parametrize(
    "page",
    [
        f"<body><h1>Directory</h1><ul>{LINKS}</ul></body>",
        f"<body><main><p>Loading</p></main><div><p>{WORDS}</p></div></body>",
        f"<body><main>one</main><main>two</main><p>{WORDS}</p></body>",
        f"<body><nav><p>{WORDS}</p><p>an element that is never closed</p></body>",
        f"<body><ul><li>{WORDS}</li></ul></body>",
        "<p>x</p></nav></main></ul>",
        f"<body><nav>{LINKS}</nav><![ odd <p>{WORDS}</p></body>",
        "",
    ],
)
def test_a_page_in_doubt_stays_whole(page: str):
    assert web.without_frame(page) == page


def test_words_after_a_menu_on_several_lines_stay():
    page = f"<body>\n<p>one</p>\n<nav\n class=x>\n<a href=/>Home</a>\n</nav\n><p>{WORDS}</p>\n</body>"
    assert web.without_frame(page) == f"<body>\n<p>one</p>\n\n<p>{WORDS}</p>\n</body>"
