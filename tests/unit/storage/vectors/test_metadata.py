import pytest

from ragkeeper.storage.vectors.metadata import tag, tags


@pytest.mark.parametrize(("one", "other"), [(3, 3.0), (-0.0, 0), (1e300, int(1e300)), ("a", "a"), (True, True)])
def test_equal_values_have_equal_tags(one, other):
    assert tag("name", one) == tag("name", other)


@pytest.mark.parametrize(
    ("one", "other"), [(3, "3"), (1, True), (0, False), ("True", True), (2**60, 2**60 + 1), (0.1, 0.2)]
)
def test_different_values_have_different_tags(one, other):
    assert tag("name", one) != tag("name", other)


def test_names_count():
    assert tag("a", 1) != tag("b", 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_equal_nothing_have_no_tag(value):
    assert tag("name", value) is None
    assert tags({"name": value, "other": "x"}) == [tag("other", "x")]


def test_tags_can_be_encoded():
    assert (tag("a\ud800", "b\udfff") or "").encode()
