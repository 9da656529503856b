"""How a vector is kept in SQL: little-endian float16; the index is fed from there, so a rebuild changes nothing."""

import numpy as np
from numpy.typing import NDArray

_STORED = np.dtype("<f2")

NO_VECTOR = b""
"""Kept for a chunk that the model refused for good: it is found by its words, and not embedded again."""


def encode_vector(vector: NDArray[np.float32]) -> bytes:
    """(dimension,) float32 to 2 bytes a number."""
    return vector.astype(_STORED).tobytes()


def decode_vector(stored: bytes) -> NDArray[np.float32]:
    """The (dimension,) float32 vector that `encode_vector` stored."""
    return np.frombuffer(stored, dtype=_STORED).astype(np.float32)
