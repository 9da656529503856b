import pytest
import typer

from ragkeeper.cli.options import metadata, metadata_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024", 2024),
        ("-3", -3),
        ("0.5", 0.5),
        ("true", True),
        ("false", False),
        ("1.10", "1.10"),
        ("007", "007"),
        ("1e3", "1e3"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("null", "null"),
        ('"x"', '"x"'),
        ("[1]", "[1]"),
        ("", ""),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_values_are_numbers_only_when_nothing_is_lost(text, value):
    found = metadata_value(text)
    assert found == value
    assert type(found) is type(value)


def test_pairs_are_split_at_the_first_equals_sign():
    assert metadata(["a=b=c", "year=2024"]) == {"a": "b=c", "year": 2024}
    assert metadata(None) == {}


@pytest.mark.parametrize("pair", ["a", "=b", ""])
def test_what_is_no_pair_is_refused(pair):
    with pytest.raises(typer.BadParameter, match="KEY=VALUE"):
        metadata([pair])
