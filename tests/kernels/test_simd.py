"""The vectors of processors: their width by features and by numbers."""

import numpy as np
import pytest

from skreg._kernels import simd


@pytest.mark.parametrize(
    ("features", "n_bytes"),
    [({"sse2"}, 16), ({"neon"}, 16), ({"avx", "avx2"}, 32), ({"avx", "avx2", "avx512f"}, 64)],
)
def test_vectors_are_the_widest_of_the_processor(features, n_bytes):
    assert simd._vector_bytes(features) == n_bytes


def test_lanes_fill_a_vector():
    assert simd.lanes(np.dtype(np.float32)) * 4 == simd.VECTOR_BYTES
    assert simd.lanes(np.dtype(np.float64)) * 8 == simd.VECTOR_BYTES
