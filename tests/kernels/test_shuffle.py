"""The shuffle: NumPy's numbers, and the state of its stream afterwards."""

import numpy as np
import pytest

from skreg._kernels import shuffle
from skreg._kernels.shuffle import Shuffler

SIZES = (*range(6), 31, 32, 33, 63, 64, 65, 1000, 1797, 4096, 20001)


@pytest.mark.parametrize("n", SIZES)
def test_shuffles_are_those_of_numpy_and_so_are_the_draws_after_them(n):
    for seed in range(5):
        ours, theirs = np.random.RandomState(seed), np.random.RandomState(seed)
        ours.normal()  # a second normal number is kept for later
        theirs.normal()
        result, expected = np.arange(n)[::-1].copy(), np.arange(n)[::-1].copy()
        shuffler = Shuffler(ours)
        for _ in range(3):
            shuffler.shuffle(result)
            theirs.shuffle(expected)
            np.testing.assert_array_equal(result, expected)
        np.testing.assert_array_equal(ours.normal(size=3), theirs.normal(size=3))


def test_other_sources_of_bits_and_very_long_vectors(monkeypatch):
    for source in (np.random.PCG64, np.random.Philox):
        result, expected = np.arange(100), np.arange(100)
        Shuffler(np.random.RandomState(source(3))).shuffle(result)
        np.random.RandomState(source(3)).shuffle(expected)
        np.testing.assert_array_equal(result, expected)
    monkeypatch.setattr(shuffle, "MOST_NUMBERS", 50)
    result, expected = np.arange(50), np.arange(50)
    Shuffler(np.random.RandomState(3)).shuffle(result)
    np.random.RandomState(3).shuffle(expected)
    np.testing.assert_array_equal(result, expected)
