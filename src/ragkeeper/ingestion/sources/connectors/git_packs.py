"""Look through a pack that came from outside before the library takes it in: what it holds could be far larger.

The library unpacks each object whole in memory. Here every object is unpacked in small pieces and thrown away, so that
no object beyond the limit is ever built. Format: git's `gitformat-pack`, version 2.
"""

import zlib
from collections.abc import Iterator
from itertools import islice
from typing import IO

from ragkeeper.ingestion.sources.connectors.errors import SourceMalformed

_PIECE = 65_536
_HASH_BYTES = 20
_OFFSET_DELTA, _REFERENCE_DELTA = 6, 7
_LONGEST_NUMBER = 10


def check_pack(pack: IO[bytes], largest_bytes: int, location: str) -> None:
    """Reads from the start. Raises SourceMalformed for an object, or a delta's result, above the limit."""
    pack.seek(0)
    reader = _Reader(pack, location)
    head = reader.take(12)
    if head[:4] != b"PACK":
        raise SourceMalformed(location=location, reason="what came is no pack")
    for _ in range(int.from_bytes(head[8:], "big")):
        kind, _ = _object_head(reader)
        start = reader.unpack(largest_bytes)
        if kind in {_OFFSET_DELTA, _REFERENCE_DELTA} and _result_bytes(start) > largest_bytes:
            reader.refuse(f"it holds an object of more than {largest_bytes:,} bytes")


def object_bytes(pack: IO[bytes], offset: int, location: str) -> int:
    """The size of the object that begins there, or of what a delta makes; nothing is unpacked for it."""
    pack.seek(offset)
    reader = _Reader(pack, location)
    kind, n_bytes = _object_head(reader)
    return _result_bytes(reader.peek()) if kind in {_OFFSET_DELTA, _REFERENCE_DELTA} else n_bytes


def _object_head(reader: "_Reader") -> tuple[int, int]:
    """Reads what stands before an object's compressed bytes, and returns its type and its size."""
    first = reader.take(1)[0]
    kind, n_bytes = first >> 4 & 7, first & 0x0F
    if first & 0x80:
        n_bytes |= reader.number() << 4
    if kind == _OFFSET_DELTA:
        reader.number()
    elif kind == _REFERENCE_DELTA:
        reader.take(_HASH_BYTES)
    return kind, n_bytes


def _result_bytes(delta: bytes) -> int:
    """The size of what a delta makes: the second number at its start, behind the size of what it is made from."""
    return next(islice(_numbers(delta), 1, None), 0)


def _numbers(data: bytes) -> Iterator[int]:
    """Seven bits a byte, the lowest first, as sizes are written."""
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            yield value
            value = shift = 0


class _Reader:
    """Bytes of a pack, some of them read ahead."""

    def __init__(self, pack: IO[bytes], location: str) -> None:
        self._pack = pack
        self._ahead = b""
        self._location = location

    def refuse(self, reason: str) -> None:
        raise SourceMalformed(location=self._location, reason=reason)

    def take(self, n_bytes: int) -> bytes:
        if len(self._ahead) < n_bytes:
            self._ahead += self._pack.read(_PIECE)
        if len(self._ahead) < n_bytes:
            self.refuse("its pack breaks off")
        taken, self._ahead = self._ahead[:n_bytes], self._ahead[n_bytes:]
        return taken

    def number(self) -> int:
        """Seven bits a byte, the lowest first, as sizes are written."""
        value = 0
        for position in range(_LONGEST_NUMBER):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << 7 * position
            if not byte & 0x80:
                return value
        self.refuse("its pack is broken")
        return value

    def peek(self) -> bytes:
        """How the compressed stream that comes next starts."""
        try:
            return zlib.decompressobj().decompress(self._ahead or self.take_some(), 2 * _LONGEST_NUMBER)
        except zlib.error:
            self.refuse("its pack is broken")
            return b""

    def unpack(self, largest_bytes: int) -> bytes:
        """Goes past one compressed stream and returns how it starts."""
        stream, n_bytes, start = zlib.decompressobj(), 0, b""
        try:
            while not stream.eof:
                piece = stream.decompress(self._ahead or self.take_some(), _PIECE)
                self._ahead = stream.unused_data or stream.unconsumed_tail
                n_bytes += len(piece)
                start = start or piece[: 2 * _LONGEST_NUMBER]
                if n_bytes > largest_bytes:
                    self.refuse(f"it holds an object of more than {largest_bytes:,} bytes")
        except zlib.error:
            self.refuse("its pack is broken")
        return start

    def take_some(self) -> bytes:
        block = self._pack.read(_PIECE)
        if not block:
            self.refuse("its pack breaks off")
        return block
