"""kreuzberg's Markdown loses its marks and keeps its words."""

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
