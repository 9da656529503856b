"""Readers that are ours: markup, records, XML, mailboxes, and what the lines of a PDF mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.ingestion.errors import ExpansionTooLarge, NestedTooDeeply
from ragkeeper.ingestion.parsers import sniff
from ragkeeper.ingestion.parsers.builder import DocumentBuilder
from ragkeeper.ingestion.parsers.formats import lines, mail, markdown_text, markup, records, right_to_left, xml_data

KINDS = st.sampled_from([sniff.MARKDOWN, sniff.RST, sniff.ORG, sniff.ASCIIDOC, sniff.PLAIN, sniff.VTT])
MARKS = st.text(st.sampled_from("#=-~*| \n`ab.ä"), max_size=80)


@given(MARKS, KINDS)
def test_headings_stand_where_they_say(text: str, media_type: str):
    document = markup.read(text, media_type)
    for heading in document.headings:
        assert heading.title in document.text[heading.start : heading.end]
    for start, end in document.tables:
        assert document.text[start:end].strip().startswith("|")


@pytest.mark.parametrize(
    ("text", "media_type", "headings"),
    [
        ("# A\n\n```\n# no\n```\n\nB\n===\n\nC\n---\n", sniff.MARKDOWN, [(1, "A"), (1, "B"), (2, "C")]),
        ("---\ntitle: x\n---\n# A", sniff.MARKDOWN, [(1, "A")]),
        ("Top\n***\n\nwords\n\nSub\n---\n\nNext\n****\n", sniff.RST, [(1, "Top"), (2, "Sub"), (1, "Next")]),
        ("* A\n** B\nwords", sniff.ORG, [(1, "A"), (2, "B")]),
        ("= A\n\n== B\n", sniff.ASCIIDOC, [(1, "A"), (2, "B")]),
        ("# not a heading in plain text", sniff.PLAIN, []),
    ],
)
def test_headings_of_each_markup(text: str, media_type: str, headings: list[tuple[int, str]]):
    assert [(found.level, found.title) for found in markup.read(text, media_type).headings] == headings


def test_subtitles_keep_what_is_said():
    text = "WEBVTT\n\nNOTE hidden\n\n1\n00:01.000 --> 00:02.000\n<v Ann>Hello</v>\n\n00:03.000 --> 00:04.000\nWorld\n"
    assert markup.read(text, sniff.VTT).text == "Hello\nWorld"


def test_json_becomes_lines_and_records_blocks():
    text = records.read_json(
        '[{"name": "duck", "tags": ["a", "b"], "size": {"cm": 50}}, {"name": "goose", "old": null}]'
    ).text
    assert text == "name: duck\ntags: a, b\nsize.cm: 50\n\nname: goose"


def test_broken_json_is_kept_and_said():
    document = records.read_json('{"cut": "off')
    assert document.text == '{"cut": "off'
    assert [warning.code for warning in document.warnings] == ["not_valid_json"]


@pytest.mark.parametrize("depth", [150, 100_000])
def test_deep_json_is_refused(depth: int):
    with pytest.raises(NestedTooDeeply):
        records.read_json('{"a":' * depth + "1" + "}" * depth)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_found(delimiter: str):
    rows = [["name", "size, cm"], ["duck", "50"], ["goose", "80"]]
    text = "\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    assert records.read_csv(text, sniff.CSV).text.split("\n")[0] == "| name | size, cm |"


def test_xml_data_and_prose():
    document = xml_data.read(b"<a><r><name>duck</name><p>A <b>big</b> bird.</p></r><r><name>goose</name></r></a>")
    assert document.text == "name: duck\nA big bird.\n\nname: goose"


def test_xml_bombs_are_refused():
    with pytest.raises(ExpansionTooLarge):
        xml_data.read(b'<!DOCTYPE a [<!ENTITY e "lol">]><a>&e;</a>')
    with pytest.raises(NestedTooDeeply):
        xml_data.read(b"<a>" * 1000)


def test_mailboxes_are_split_at_their_from_lines():
    box = b"From x Mon\nFrom: a@b\nSubject: one\n\n>From here\nwords\n\nFrom y Tue\nFrom: c@d\nSubject: two\n\nmore\n"
    messages = list(mail._messages(box))
    assert len(messages) == 2
    assert b"\nFrom here" in messages[0]


def test_wrapped_lines_are_joined_and_rows_are_not():
    page = (
        "The Company generally does not require collateral from its customers in any of\n"
        "its markets and may enter into forward con-\n"
        "tracts.\n"
        "Total assets 350,662 351,002\n"
        "Total debt 1,002 2,003"
    )
    assert lines.unwrap(page).split("\n") == [
        page.split("\nTotal", maxsplit=1)[0].replace("con-\ntracts", "contracts").replace("\n", " "),
        "Total assets 350,662 351,002",
        "Total debt 1,002 2,003",
    ]


def test_headings_of_a_page():
    page = "ACME CORP\nItem 2. Results of Operations\nSales rose.\n3.1 Risks and chances\nMany.\nItem 9. Other 45\nend"
    found = [(level, title) for level, _, _, title in lines.headings(page, frozenset({"ACME CORP"}))]
    assert found == [(2, "Item 2. Results of Operations"), (3, "3.1 Risks and chances")]


@given(st.text(st.sampled_from("ABab 12.-\n"), max_size=200))
def test_headings_of_any_page_lie_in_it(page: str):
    for _, start, end, title in lines.headings(page, frozenset()):
        assert page[start:end] == title


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


def test_right_to_left_lines_are_put_in_reading_order():
    assert right_to_left.reorder("words stay\n\u0628\u0628 \u062b Python 3 \u060c\u062a\u062a") == (
        "words stay\n\u062a\u062a\u060c Python 3 \u062b \u0628\u0628"
    )
    assert right_to_left.reorder("\u0627\u0625\u0644\u0646 \u0628") == "\u0628 \u0627\u0644\u0625\u0646"
