import pytest
import yaml

from ragkeeper.operations.monitoring.yaml import to_yaml


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1, "b": [1, "two", None, True], "c": {"d": {}, "e": []}},
        {"a": "yes", "b": "5m", "c": 'a "quoted" # text', "d": "{{ $labels.x }}", "e": "", "f": "null", "g": " x "},
        {"text": "two\nlines: of {text}\n  indented", "list": [{"a": 1, "b": "x"}, {"c": [{"d": 2}]}, "two\nlines"]},
        {"list": [[1, 2], [3]]},
        {"matchers": ['severity="critical"'], "back": "a\\b", "umlaut": "grün"},
        {"both": 'it\'s "so"', "control": '"\x07"', "times": ["15s", "1500ms", "4h", "1d2h", "10", "0x1"]},
    ],
)
def test_it_is_read_as_it_was_meant(value: dict[str, object]):
    assert yaml.safe_load(to_yaml(value)) == value


def test_quotes_and_times_read_well():
    assert to_yaml({"a": 'severity="critical"', "b": 'it\'s 5 "m"', "c": "5m"}).splitlines() == [
        "a: 'severity=\"critical\"'",
        "b: 'it''s 5 \"m\"'",
        "c: 5m",
    ]


def test_it_reads_well():
    text = to_yaml({"groups": [{"name": "a", "rules": [{"alert": "X", "expr": "a\n  and\nb"}]}]})
    assert text.splitlines() == [
        "groups:",
        "  - name: a",
        "    rules:",
        "      - alert: X",
        "        expr: |-",
        "          a",
        "            and",
        "          b",
    ]
