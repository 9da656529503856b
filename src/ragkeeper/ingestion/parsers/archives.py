"""Zip containers (DOCX, XLSX, ODT, EPUB, …) are measured before anything unpacks them."""

import io
import zipfile
import zlib

from ragkeeper.ingestion.errors import ExpansionTooLarge, FileDamaged, FileEncrypted

ENTRIES = 20_000
RATIO = 200
RATIO_FROM_BYTES = 64 << 20
_STEP = 1 << 20


def open_listed(data: bytes) -> zipfile.ZipFile:
    """Return the zip with its directory read and nothing unpacked; raises FileDamaged."""
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise FileDamaged(kind="file", reason=f"its zip container cannot be opened ({error})") from error


def measure(archive: zipfile.ZipFile, size: int, expanded_bytes: int) -> None:
    """Unpack the zip of `size` bytes once into nothing; raises ExpansionTooLarge, FileDamaged, FileEncrypted.

    Declared sizes are checked first (cheap), then what really comes out, because a reader that trusts the declared size
    is what a bomb is made for. Entries that share bytes are refused: no writer makes them.
    """
    entries = archive.infolist()
    _check_declared(entries, size, expanded_bytes)
    _check_overlap(entries)
    for entry in entries:
        _check_actual(archive, entry)


def _check_declared(entries: list[zipfile.ZipInfo], size: int, limit: int) -> None:
    if len(entries) > ENTRIES:
        raise ExpansionTooLarge(kind="file", reason=f"{len(entries)} parts, at most {ENTRIES} are allowed")
    total = sum(entry.file_size for entry in entries)
    if total > limit:
        raise ExpansionTooLarge(kind="file", reason=f"{total >> 20} MiB, at most {limit >> 20} MiB are allowed")
    if total > RATIO_FROM_BYTES and total > size * RATIO:
        raise ExpansionTooLarge(kind="file", reason=f"{total // size} times its size, at most {RATIO} times is allowed")


def _check_overlap(entries: list[zipfile.ZipInfo]) -> None:
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise ExpansionTooLarge(kind="file", reason="parts of it share the same bytes")
        end = entry.header_offset + entry.compress_size


def _check_actual(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    if entry.flag_bits & 1:
        raise FileEncrypted(kind="zip container")
    if entry.compress_type == zipfile.ZIP_STORED:
        return
    try:
        with archive.open(entry) as stream:
            # ZipExtFile stops at the declared size; what the deflate stream holds beyond it shows as unread input.
            while stream.read(_STEP):
                continue
            _check_ended(stream, entry)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise FileDamaged(kind="file", reason=f"its part {entry.filename[:80]!r} cannot be unpacked") from error


def _check_ended(stream: object, entry: zipfile.ZipInfo) -> None:
    inflater = getattr(stream, "_decompressor", None)
    if inflater is not None and not getattr(inflater, "eof", True):
        left = getattr(inflater, "unconsumed_tail", b"")
        if left:
            raise ExpansionTooLarge(kind="file", reason=f"its part {entry.filename[:80]!r} is larger than declared")
