"""Real files of many formats through the confined pool: text, pages, headings, tables, titles, refusals."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from ragkeeper.ingestion.errors import IngestionError
from ragkeeper.ingestion.parsers.pool import SandboxedParser
from ragkeeper.ingestion.parsers.port import ParsedDocument

Data = Callable[[str], Path]

WORDS = {
    "pdf/docling__multi_page.pdf": "word processor",
    "docx/docling__list_after_num_headers.docx": "ĐỐI TƯỢNG ÁP DỤNG",
    "pptx/docling__powerpoint_sample.pptx": "Let\u2019s introduce a list",
    "xlsx/docling__xlsx_01.xlsx": "| first | second | third |",
    "xls/tika__testComment.xls": "Here is some text",
    "odt/tika__testODFwithOOo3.odt": "This is a rather difficult test document",
    "ods/tika__LibreOfficeCalc_ods_1.3.ods": "| This | is | an | example | spreadsheet |",
    "odp/docling__odf_presentation_01.odp": "",
    "rtf/markitdown__test.rtf": "",
    "epub/docling__epub_purvis_poetry.epub": "The Grave of the Slave",
    "html/docling__kvp_data_example.html": "(123) 456-7890",
    "doc/tika__test.doc": "test",
    "ppt/unstructured__fake-power-point.ppt": "Adding a Bullet Slide",
    "email/unstructured__fake-email-header.eml": "This is a test email to use for unit tests.",
    "email/tika__testMSG_StickyNote.msg": "the quick brown fox",
    "email/tika__headers.mbox": "",
    "csv-json-xml/unstructured__stanley-cups-utf-16.csv": "Maple Leafs",
    "csv-json-xml/unstructured__factbook-utf-16.xml": "capital: Washington, DC",
    "csv-json-xml/markitdown__test.json": "key1: string_value",
    "csv-json-xml/markitdown__test_notebook.ipynb": "Test Notebook",
    "rst-org-asciidoc-tex/peps__pep-0003.rst": "Original Guidelines",
    "rst-org-asciidoc-tex/docling__example_01.tex": "first paragraph of the introduction",
    "txt/tika__english.cp500.txt": " the ",
    "txt/unstructured__fake-text-utf-16-le.txt": "This is a test document",
}
REFUSED = {
    "hostile-archives/tika__test-zip-of-zip.zip": "archive_refused",
    "hostile-archives/tika__quine.gz": "archive_refused",
    "hostile-archives/tika__full_encrypted.7z": "archive_refused",
    "hostile-office-mail-html/tika__testWORD_protected_passtika.docx": "file_encrypted",
    "hostile-office-mail-html/tika__testEXCEL_protected_passtika.xls": "file_encrypted",
    "hostile-office-mail-html/tika__testPPT_protected_passtika.ppt": "file_encrypted",
    "hostile-pdf/unstructured__password.pdf": "file_encrypted",
    "hostile-pdf/qpdf__bad7.pdf": "file_damaged",
    "audio/markitdown__test.mp3": "format_unsupported",
    "other-office/tika__tableNames.numbers": "format_unsupported",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SandboxedParser]:
    parser = SandboxedParser(folder=tmp_path_factory.mktemp("parser"), workers=1)
    yield parser
    await parser.close()


async def parse(pool: SandboxedParser, path: Path, filename: str = "") -> ParsedDocument:
    return await pool.parse(path, filename or path.name)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", WORDS)
async def test_formats_are_read(pool: SandboxedParser, require_data: Data, name: str):
    document = await parse(pool, require_data("files") / name)
    assert document.text.strip()
    assert WORDS[name] in document.text
    assert "\r" not in document.text


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", REFUSED)
async def test_refusals_have_their_code_and_advice(pool: SandboxedParser, require_data: Data, name: str):
    with pytest.raises(IngestionError) as caught:
        await parse(pool, require_data("files") / name)
    assert caught.value.code == REFUSED[name]
    assert caught.value.advice.endswith(".")


@pytest.mark.asyncio(loop_scope="module")
async def test_pdf_pages_start_where_they_say(pool: SandboxedParser, require_data: Data):
    document = await parse(pool, require_data("docugami-sec10q") / "pdf/2022 Q3 AAPL.pdf")
    assert [page.number for page in document.pages] == list(range(1, 29))
    third = document.pages[2]
    assert document.text[third.start : third.end].startswith("Apple Inc.\nForm 10-Q")
    assert "certain exposures for a variety of reasons" in document.text  # wrapped over two lines in the file
    assert any(heading.title.startswith("Item 2. Management\u2019s Discussion") for heading in document.headings)


@pytest.mark.asyncio(loop_scope="module")
async def test_slides_are_pages_with_titles_tables_and_notes(pool: SandboxedParser, require_data: Data):
    document = await parse(pool, require_data("files") / "pptx/docling__powerpoint_sample.pptx")
    slides = [document.text[page.start : page.end] for page in document.pages]
    assert [slide.split("\n")[0] for slide in slides] == ["Test Table Slide", "Second slide title", "1. List item4"]
    assert "Final notes on the third slide" in slides[1]
    assert len(document.tables) == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_sheets_are_pages(pool: SandboxedParser, require_data: Data):
    document = await parse(pool, require_data("files") / "xlsx/docling__xlsx_01.xlsx")
    assert [page.number for page in document.pages] == [1, 2, 3, 4]
    assert [heading.title for heading in document.headings] == ["Sheet1", "Sheet2", "Sheet3", "Sheet4"]


@pytest.mark.asyncio(loop_scope="module")
async def test_content_decides_not_the_name(pool: SandboxedParser, require_data: Data, tmp_path: Path):
    files = require_data("files")
    pdf = await parse(pool, files / "pdf/docling__multi_page.pdf", "notes.txt")
    assert pdf.media_type == "application/pdf"
    with pytest.raises(IngestionError) as caught:
        await parse(pool, files / "hostile-archives/tika__testEmbedded.zip", "notes.txt")
    assert caught.value.code == "archive_refused"
    text = tmp_path / "text"
    text.write_text("Only words, whatever the name says.")
    assert (await parse(pool, text, "report.pdf")).text == "Only words, whatever the name says."


@pytest.mark.asyncio(loop_scope="module")
async def test_scans_are_recognised_or_say_what_is_missing(pool: SandboxedParser, require_data: Data):
    path = require_data("files") / "pdf-scanned/docling__ocr_test.pdf"
    if not pool.ocr_languages:
        pytest.skip("needs tesseract's English data (Debian: tesseract-ocr-eng)")
    seen = await parse(pool, path)
    assert "Docling bundles PDF document conversion" in seen.text
    assert [(warning.code, warning.page) for warning in seen.warnings] == [("ocr_used", 1)]


async def test_a_scan_without_ocr_data_is_no_silent_success(require_data: Data, tmp_path: Path):
    parser = SandboxedParser(folder=tmp_path, workers=1, ocr_languages="")
    path = require_data("files") / "pdf-scanned/docling__ocr_test.pdf"
    try:
        with pytest.raises(IngestionError) as caught:
            await parser.parse(path, path.name)
    finally:
        await parser.close()
    assert caught.value.code == "no_text"
    assert "tesseract-ocr-eng" in caught.value.advice
