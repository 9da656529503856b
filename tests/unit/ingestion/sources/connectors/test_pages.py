import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.ingestion.sources.connectors.pages import Mark, found

WORDS = st.text(max_size=5)
LINKS = st.none() | st.lists(WORDS, max_size=2).map(tuple)


@given(st.builds(Mark, st.just("x"), WORDS, WORDS, WORDS, WORDS, WORDS, LINKS))
def test_a_mark_survives_being_written(mark: Mark) -> None:
    assert Mark.parse(mark.text()) == mark


@pytest.mark.parametrize("text", ["", "abc", "[]", "{}", '{"sha256":"x","new":1}', "null", '{"sha256":"x","links":5}'])
def test_what_this_version_did_not_write_is_no_mark(text: str) -> None:
    assert Mark.parse(text) is None


def test_a_mark_asks_whether_something_changed() -> None:
    assert Mark("x", etag='"e"').validators() == {"If-None-Match": '"e"'}
    assert Mark("x").validators() == {}


async def test_the_content_of_an_unchanged_page_is_not_there() -> None:
    item = found("https://example.org/a", "mark", "text/html", None)
    with pytest.raises(Exception, match="has not changed"):
        async with item.content():
            pass


def test_only_what_can_be_sent_back_is_asked_with() -> None:
    assert Mark("0", etag='"v1"', modified="Wed, 21 Oct 2015 07:28:00 GMT").validators() == {
        "If-None-Match": '"v1"',
        "If-Modified-Since": "Wed, 21 Oct 2015 07:28:00 GMT",
    }
    assert Mark("0", etag='"é"', modified="x" * 5000).validators() == {}
