"""kreuzberg's Markdown loses its marks and keeps its words."""

import pytest

from ragkeeper.ingestion.parsers import sniff
from ragkeeper.ingestion.parsers.builder import DocumentBuilder
from ragkeeper.ingestion.parsers.formats import markdown_text


def test_markdown_from_kreuzberg_loses_its_marks_only():
    builder = DocumentBuilder(sniff.HTML)
    markdown_text.add(
        builder,
        "---\nmeta-x: y\n\n## title: T\n\n# A **big** [duck](http://x/a_(b))\n\n![alt](data:a;base64,AA) 5 \\* 3\n\n"
        "| a | b |\n| --- | --- |\n| [1](x) | 2 |",
    )
    document = builder.build()
    assert document.text == "A big duck\n\nalt 5 * 3\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"
    assert [heading.title for heading in document.headings] == ["A big duck"]


@pytest.mark.parametrize(
    ("marked", "words"),
    [
        ("A **bold ***italic ****bold-italic ***example", "A bold italic bold-italic example"),
        ("[A Link example](http://github.com/)", "A Link example"),
        ("0.5*** (0.1***)", "0.5*** (0.1***)"),
        ("*p < 0.05", "*p < 0.05"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("*const type, *mut type", "*const type, *mut type"),
        ("/**...*/", "/**...*/"),
        ("see *this*, and **that **too", "see this, and that too"),
    ],
)
def test_marks_inside_a_cell_go_and_other_asterisks_stay(marked: str, words: str):
    assert markdown_text.without_marks(marked) == words


def test_footnote_marks_and_linked_pictures_lose_their_targets():
    builder = DocumentBuilder("text/html")
    markdown_text.add(builder, "quack.[[29]](#cite_note-29) [![Falls [above] here](a.jpg)](http://b.example/c)")
    assert builder.build().text == "quack.[29] Falls [above] here"
