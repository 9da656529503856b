import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.http.paging import CursorInvalid, decode_cursor, decode_number, encode_cursor, page_of


@given(st.text(min_size=1))
def test_a_cursor_comes_back(key: str) -> None:
    encodable = key.encode("utf-8", "ignore").decode()
    assert decode_cursor(encode_cursor(encodable)) == encodable


@pytest.mark.parametrize("cursor", ["€", "a", "////8"])
def test_a_made_up_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        decode_cursor(cursor)


def test_a_number_s_cursor_holds_a_number() -> None:
    assert decode_number(None, -1) == -1
    assert decode_number(encode_cursor("7"), -1) == 7
    with pytest.raises(CursorInvalid):
        decode_number(encode_cursor("seven"), -1)


def test_one_row_more_than_fits_means_another_page() -> None:
    full = page_of([1, 2, 3], 2, str, str)
    assert (full.items, decode_cursor(full.next_cursor)) == (["1", "2"], "2")
    assert page_of([1, 2], 2, str, str).next_cursor is None
    assert page_of([], 2, str, str).items == []
