"""Charts become tables where they are shown; documents inside a document are read."""

import io
import zipfile

from ragkeeper.ingestion.parsers import reader
from ragkeeper.ingestion.parsers.builder import DocumentBuilder
from ragkeeper.ingestion.parsers.formats import charts
from ragkeeper.ingestion.parsers.port import ParseOptions

OFFICE = "http://schemas.openxmlformats.org"
LINKS = f'<Relationships xmlns="{OFFICE}/package/2006/relationships">'
KIND = f"{OFFICE}/officeDocument/2006/relationships"
CHART = (
    f'<c:chartSpace xmlns:c="{OFFICE}/drawingml/2006/chart" xmlns:a="{OFFICE}/drawingml/2006/main"><c:chart><c:title>'
    "<a:t>Ducks by pond</a:t></c:title><c:ser><c:tx><c:pt idx='0'><c:v>2025</c:v></c:pt></c:tx><c:cat>"
    "<c:pt idx='0'><c:v>North</c:v></c:pt><c:pt idx='1'><c:v>South</c:v></c:pt></c:cat><c:val>"
    "<c:pt idx='0'><c:v>4.4000000000000004</c:v></c:pt><c:pt idx='1'><c:v>7</c:v></c:pt></c:val></c:ser>"
    "</c:chart></c:chartSpace>"
)
TABLE = "|  | 2025 |\n| --- | --- |\n| North | 4.4 |\n| South | 7 |"


def packed(parts: dict[str, str]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return held.getvalue()


def opened(parts: dict[str, str]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(packed(parts)))


def test_a_chart_is_a_table_under_its_title():
    builder = DocumentBuilder("x")
    charts.add(builder, opened({"ppt/charts/chart1.xml": CHART}), "ppt/charts/chart1.xml")
    document = builder.build()
    assert document.text == f"Ducks by pond\n\n{TABLE}"
    assert [document.text[start:end] for start, end in document.tables] == [TABLE]


def test_slides_come_in_the_order_in_which_they_are_shown():
    archive = opened(
        {
            "ppt/presentation.xml": f'<p:p xmlns:p="{OFFICE}/presentationml/2006/main" xmlns:r="{KIND}">'
            '<p:sldId r:id="b"/><p:sldId r:id="a"/><p:sldId r:id="gone"/></p:p>',
            "ppt/_rels/presentation.xml.rels": f'{LINKS}<R Id="a" Type="{KIND}/slide" Target="slides/slide1.xml"/>'
            f'<R Id="b" Type="{KIND}/slide" Target="/ppt/slides/slide2.xml"/></Relationships>',
            "ppt/slides/_rels/slide2.xml.rels": f'{LINKS}<R Id="c" Type="{KIND}/chart" Target="../charts/chart1.xml"/>'
            f'<R Id="d" Type="{KIND}/chart" Target="http://x/" TargetMode="External"/></Relationships>',
        }
    )
    assert charts.slides(archive) == ["ppt/slides/slide2.xml", "ppt/slides/slide1.xml"]
    assert charts.of(archive, "ppt/slides/slide2.xml") == ["ppt/charts/chart1.xml"]
    assert charts.of(archive, "ppt/slides/slide1.xml") == []


def test_damaged_charts_add_nothing():
    builder = DocumentBuilder("x")
    archive = opened({"a": "<broken", "b": "<c/>"})
    for part in ("a", "b", "missing"):
        charts.add(builder, archive, part)
    assert not builder.build().text


def test_a_word_file_is_read_with_the_pages_and_charts_put_into_it():
    word = f"{OFFICE}/wordprocessingml/2006/main"
    data = packed(
        {
            "[Content_Types].xml": f'<Types xmlns="{OFFICE}/package/2006/content-types"/>',
            "word/document.xml": f'<w:document xmlns:w="{word}" xmlns:r="{KIND}"><w:body><w:p><w:r>'
            '<w:t>Own words.</w:t></w:r></w:p><w:altChunk r:id="p"/></w:body></w:document>',
            "word/_rels/document.xml.rels": f'{LINKS}<R Id="p" Type="{KIND}/aFChunk" Target="/word/page.html"/>'
            f'<R Id="c" Type="{KIND}/chart" Target="charts/chart1.xml"/></Relationships>',
            "word/page.html": "<h1>Nests</h1><p>Reed and down.</p>",
            "word/charts/chart1.xml": CHART,
        }
    )
    document = reader.read(data, "report.docx", ParseOptions())
    assert document.text == f"Own words.\n\nNests\n\nReed and down.\n\nDucks by pond\n\n{TABLE}"
    assert [document.text[h.start : h.end] for h in document.headings] == ["Nests"]
