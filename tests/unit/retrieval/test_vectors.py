import numpy as np

from ragkeeper.retrieval.vectors import decode_vector, encode_vector


def test_a_stored_vector_comes_back_within_half_precision_and_stays_the_same_after() -> None:
    vector = np.random.default_rng(7).normal(size=384).astype(np.float32)
    vector /= np.linalg.norm(vector)
    stored = encode_vector(vector)
    assert len(stored) == 768
    back = decode_vector(stored)
    assert float(vector @ back) > 0.9999
    assert encode_vector(back) == stored
