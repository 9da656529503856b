"""CSV, JSON and JSON lines become lines and tables."""

import pytest

from ragkeeper.ingestion.errors import NestedTooDeeply
from ragkeeper.ingestion.parsers import sniff
from ragkeeper.ingestion.parsers.formats import records


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
