"""Bodies of answers: decompressed within bounds, and kept in memory or in a file until somebody reads them."""

import hashlib
import tempfile
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from typing import IO

from ragkeeper.ingestion.sources.connectors.errors import ItemTooLarge, ItemUnavailable

PIECE = 65_536
_IN_MEMORY = 1024 * 1024
_MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS


async def limited(
    raw: AsyncIterator[bytes], headers: Mapping[str, str], largest: int, location: str
) -> AsyncGenerator[bytes]:
    """A body without its transfer's compression. Raises ItemTooLarge as soon as it is known to exceed `largest`."""
    declared = headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > largest:
        raise ItemTooLarge(location=location, limit=f"{largest:,}")
    n_bytes = 0
    async for chunk in decoded(raw, headers.get("content-encoding", ""), location):
        n_bytes += len(chunk)
        if n_bytes > largest:
            raise ItemTooLarge(location=location, limit=f"{largest:,}")
        yield chunk


async def decoded(raw: AsyncIterator[bytes], encoding: str, location: str) -> AsyncGenerator[bytes]:
    """Pieces of at most 64 KiB where compression is undone, however well it was compressed.

    Raises ItemUnavailable for a compression that was not asked for and for a body that breaks off.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        async for chunk in raw:
            yield chunk
        return
    if name not in {"gzip", "x-gzip"}:
        raise ItemUnavailable(location=location, reason=f"it comes compressed as {name!r}, which was not asked for")
    gzip = Gunzip()
    try:
        async for chunk in raw:
            for piece in gzip.feed(chunk):
                yield piece
    except zlib.error as error:
        raise ItemUnavailable(location=location, reason="its compression is broken") from error
    if not gzip.is_complete:
        raise ItemUnavailable(location=location, reason="it breaks off")


class Gunzip:
    """Undoes gzip, several members in a row included, in small pieces."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._started = False

    @property
    def is_complete(self) -> bool:
        return self._member.eof or not self._started

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Raises zlib.error for what is not gzip; what follows the last member and is none is left out."""
        while data:
            if self._member.eof:
                if not data.startswith(_MAGIC[: len(data)]):
                    return
                self._member = zlib.decompressobj(_GZIP)
            self._started = True
            piece = self._member.decompress(data, PIECE)
            if piece:
                yield piece
            data = self._member.unused_data or self._member.unconsumed_tail


class Spool:
    """A body that was read once: small ones in memory, large ones in a file without a name."""

    def __init__(self, file: IO[bytes], n_bytes: int, sha256: str) -> None:
        self._file = file
        self.n_bytes = n_bytes
        self.sha256 = sha256

    @classmethod
    async def fill(cls, chunks: AsyncIterator[bytes]) -> "Spool":
        """Takes in all of `chunks`; what it raises leaves nothing behind."""
        digest = hashlib.sha256()
        with ExitStack() as undone:
            file = undone.enter_context(tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))
            async for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)
            undone.pop_all()
        return cls(file, file.tell(), digest.hexdigest())

    def head(self, most: int) -> bytes:
        self._file.seek(0)
        return self._file.read(most)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[AsyncIterator[bytes]]:
        yield self._pieces()

    def close(self) -> None:
        self._file.close()

    async def _pieces(self) -> AsyncGenerator[bytes]:
        self._file.seek(0)
        while piece := self._file.read(PIECE):
            yield piece
