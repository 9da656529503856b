import io
import tracemalloc
import zlib
from collections.abc import Sequence

import pytest
from dulwich.object_format import DEFAULT_OBJECT_FORMAT
from dulwich.objects import Blob
from dulwich.pack import write_pack_objects

from ragkeeper.ingestion.sources.connectors.errors import SourceMalformed
from ragkeeper.ingestion.sources.connectors.git_packs import check_pack, object_bytes


def pack(*contents: bytes) -> io.BytesIO:
    made = io.BytesIO()
    blobs = [Blob.from_string(content) for content in contents]
    write_pack_objects(made.write, blobs, object_format=DEFAULT_OBJECT_FORMAT)
    return made


def delta(result_bytes: Sequence[int], kind: int = 7, base: bytes = b"b" * 20) -> io.BytesIO:
    body = zlib.compress(bytes([5, *result_bytes]) + b"rest")
    return io.BytesIO(b"PACK" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big") + bytes([kind << 4]) + base + body)


@pytest.mark.parametrize("contents", [(), (b"",), (b"a", b"b" * 1000), tuple(b"%d" % n * n for n in range(300))])
def test_packs_of_small_objects_pass(contents: tuple[bytes, ...]) -> None:
    made = pack(*contents)
    check_pack(made, 1000, "here")
    assert made.tell() == len(made.getvalue())


def test_random_bytes_pass_across_blocks() -> None:
    noise = [bytes((n * k * 2654435761) >> 7 & 255 for n in range(70_000)) for k in (1, 3)]
    made = pack(*noise)
    check_pack(made, 70_000, "here")
    assert made.tell() == len(made.getvalue())


def test_an_object_above_the_limit_is_refused_before_it_is_built() -> None:
    bomb = pack(b"small", bytes(50_000_000))
    tracemalloc.start()
    with pytest.raises(SourceMalformed, match="1,000 bytes"):
        check_pack(bomb, 1000, "here")
    with pytest.raises(SourceMalformed):
        check_pack(bomb, 49_999_999, "here")
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_a_delta_counts_by_what_it_makes() -> None:
    for made in (delta([0xE8, 0x07]), delta([0xE8, 0x07], kind=6, base=b"\x81\x02")):
        check_pack(made, 1000, "here")
        with pytest.raises(SourceMalformed):
            check_pack(made, 999, "here")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PACK",
        b"NOPE" + bytes(8),
        pack(b"abc").getvalue()[:14],
        b"PACK" + bytes(7) + b"\x01" + b"\x30" + b"not zlib",
        b"PACK" + bytes(7) + b"\x01" + b"\xff" * 50,
    ],
)
def test_what_is_no_pack_is_refused(data: bytes) -> None:
    with pytest.raises(SourceMalformed):
        check_pack(io.BytesIO(data), 1000, "here")


def test_the_size_of_an_object_is_known_before_it_is_built() -> None:
    sizes = [0, 1, 15, 16, 2047, 2048, 50_000_000]
    for size in sizes:
        assert object_bytes(pack(bytes(size)), 12, "here") == size
    for made in (delta([0xE8, 0x07]), delta([0xE8, 0x07], kind=6, base=b"\x81\x02")):
        assert object_bytes(made, 12, "here") == 1000
    with pytest.raises(SourceMalformed):
        object_bytes(io.BytesIO(b"PACK" + bytes(8) + b"\x60" + b"b" * 20 + b"no zlib"), 12, "here")
