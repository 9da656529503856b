"""What every parser promises, over the confined pool and the fake."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragkeeper.ingestion.errors import FileEmpty, FileMissing, NoText
from ragkeeper.ingestion.parsers.fake import FakeParser
from ragkeeper.ingestion.parsers.pool import SandboxedParser
from ragkeeper.ingestion.parsers.port import ParsedDocument, Parser

MARKDOWN = (
    "# Straße\n\nFirst words — with an emoji 🦆.\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n## Second\n\nLast words.\n"
)


@pytest.fixture(params=["sandboxed", "fake"])
async def parser(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Parser]:
    sandboxed = request.param == "sandboxed"
    chosen: Parser = SandboxedParser(folder=tmp_path / "work", workers=1) if sandboxed else FakeParser()
    yield chosen
    await chosen.close()


def assert_spans(document: ParsedDocument) -> None:
    size = len(document.text)
    for spans in ([(p.start, p.end) for p in document.pages], [(h.start, h.end) for h in document.headings]):
        assert all(0 <= start <= end <= size for start, end in spans)
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))
    for heading in document.headings:
        assert heading.title in document.text[heading.start : heading.end]
    for start, end in document.tables:
        assert document.text[start:end].startswith("|")


async def test_text_keeps_its_words_headings_and_tables(parser: Parser, tmp_path: Path):
    path = tmp_path / "stored"
    path.write_text(MARKDOWN, encoding="utf-8")
    document = await parser.parse(path, "duck.md")
    assert parser.busy == 0
    assert document.text == MARKDOWN.strip()
    assert [(heading.level, heading.title) for heading in document.headings] == [(1, "Straße"), (2, "Second")]
    assert [document.text[start:end] for start, end in document.tables] == ["| a | b |\n| --- | --- |\n| 1 | 2 |"]
    assert_spans(document)


@pytest.mark.parametrize(
    ("content", "error"), [(b"", FileEmpty), (b" \n\t\n", NoText)], ids=["no bytes", "only white space"]
)
async def test_emptiness_is_an_error(parser: Parser, tmp_path: Path, content: bytes, error: type[Exception]):
    path = tmp_path / "empty.txt"
    path.write_bytes(content)
    with pytest.raises(error):
        await parser.parse(path, "empty.txt")


async def test_a_missing_file_is_an_error_of_ours(parser: Parser, tmp_path: Path):
    with pytest.raises(FileMissing, match="No such file"):
        await parser.parse(tmp_path / "nowhere", "nowhere.txt")


async def test_closing_twice_is_fine(parser: Parser):
    outcomes = [await parser.close() for _ in range(2)]
    assert outcomes == [None, None]
