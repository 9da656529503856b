"""XML becomes lines; bombs are refused."""

import pytest

from ragkeeper.ingestion.errors import ExpansionTooLarge, NestedTooDeeply
from ragkeeper.ingestion.parsers.formats import xml_data


def test_xml_data_and_prose():
    document = xml_data.read(b"<a><r><name>duck</name><p>A <b>big</b> bird.</p></r><r><name>goose</name></r></a>")
    assert document.text == "name: duck\nA big bird.\n\nname: goose"


def test_xml_bombs_are_refused():
    with pytest.raises(ExpansionTooLarge):
        xml_data.read(b'<!DOCTYPE a [<!ENTITY e "lol">]><a>&e;</a>')
    with pytest.raises(NestedTooDeeply):
        xml_data.read(b"<a>" * 1000)
