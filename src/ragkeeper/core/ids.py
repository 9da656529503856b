"""Identifiers: UUIDv7, so that they sort by time and can serve as cursors."""

import os
import time
import uuid

_VERSION_7 = 0x7000
_VARIANT = 0x8000000000000000


def new_id() -> str:
    """A new UUIDv7 (RFC 9562 section 5.7) as 32 hexadecimal digits, ascending with the millisecond of its making."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    high = (milliseconds << 16) | _VERSION_7 | (random >> 68)
    low = _VARIANT | (random & 0x3FFFFFFFFFFFFFFF)
    return uuid.UUID(int=(high << 64) | low).hex
