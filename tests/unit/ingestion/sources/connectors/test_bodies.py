import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkeeper.ingestion.sources.connectors.bodies import PIECE, Gunzip, Spool, limited
from ragkeeper.ingestion.sources.connectors.errors import ItemTooLarge, ItemUnavailable


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def read(headers: dict[str, str], *chunks: bytes, largest: int = 1000) -> bytes:
    return b"".join([chunk async for chunk in limited(pieces(*chunks), headers, largest, "http://x/")])


async def test_a_body_within_its_limit_is_passed_on() -> None:
    assert await read({}, b"ab", b"c", largest=3) == b"abc"
    assert await read({"content-encoding": "gzip"}, gzip.compress(b"abc", mtime=0), largest=3) == b"abc"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"abcd"),
        ({"content-length": "4"}, b""),
        ({"content-encoding": "gzip"}, gzip.compress(b"abcd", mtime=0)),
        ({"content-encoding": "gzip"}, gzip.compress(b"a", mtime=0) + gzip.compress(b"bcd", mtime=0)),
    ],
)
async def test_a_body_beyond_its_limit_is_refused(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(ItemTooLarge):
        await read(headers, body, largest=3)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("br", b"abc"), ("gzip, gzip", b"abc"), ("gzip", b"not gzip"), ("gzip", gzip.compress(b"abc", mtime=0)[:-4])],
)
async def test_a_body_that_cannot_be_unpacked_is_unavailable(encoding: str, body: bytes) -> None:
    with pytest.raises(ItemUnavailable):
        await read({"content-encoding": encoding}, body)


def test_a_bomb_opens_in_small_pieces() -> None:
    largest = max(len(piece) for piece in Gunzip().feed(gzip.compress(bytes(50_000_000))))
    assert largest == PIECE


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.integers(1, 50))
def test_gzip_is_undone_however_it_is_cut(members: list[bytes], step: int) -> None:
    data = b"".join(gzip.compress(member, mtime=0) for member in members)
    gunzip = Gunzip()
    found = b"".join(piece for at in range(0, len(data), step) for piece in gunzip.feed(data[at : at + step]))
    assert found == b"".join(members)
    assert gunzip.is_complete


def test_padding_after_the_end_is_left_out() -> None:
    assert b"".join(Gunzip().feed(gzip.compress(b"abc", mtime=0) + bytes(20))) == b"abc"


def test_what_is_not_gzip_is_an_error() -> None:
    with pytest.raises(zlib.error):
        list(Gunzip().feed(b"plain"))


async def test_a_spool_is_read_as_often_as_one_likes() -> None:
    spool = await Spool.fill(pieces(b"x" * PIECE, b"y"))
    assert (spool.n_bytes, spool.head(2)) == (PIECE + 1, b"xx")
    for _ in range(2):
        async with spool.open() as chunks:
            assert b"".join([chunk async for chunk in chunks]) == b"x" * PIECE + b"y"
    spool.close()
    with pytest.raises(ValueError, match="closed"):
        spool.head(1)
