"""Generators of a seed are scikit-learn's, to the bit and in their errors."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.random import RandomState
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skreg import MLPRegressor
from skreg._random_state import random_state_of


@pytest.mark.parametrize("seed", (0, 7, 2**32 - 1, np.int64(5), np.uint8(3)), ids=str)
def test_a_seed_gives_the_generator_of_scikit_learn(seed):
    ours, theirs = random_state_of(seed), check_random_state(seed)
    for one in (ours, pickle.loads(pickle.dumps(ours))):
        name, key, *rest = one.get_state()
        expected_name, expected_key, *expected = theirs.get_state()
        assert (name, rest) == (expected_name, expected)
        np.testing.assert_array_equal(key, expected_key)
    np.testing.assert_array_equal(ours.permutation(100), theirs.permutation(100))
    np.testing.assert_array_equal(ours.normal(size=7), theirs.normal(size=7))


def test_other_sources_are_handed_through():
    generator = np.random.RandomState(0)
    assert random_state_of(generator) is generator
    assert random_state_of(None) is np.random.mtrand._rand


@pytest.mark.parametrize("seed", (-1, 2**32))
def test_seeds_out_of_range_are_refused(seed):
    with pytest.raises(ValueError, match="Seed must be between 0 and"):
        random_state_of(seed)
    with pytest.raises(ValueError, match="cannot be used to seed"):
        random_state_of("seed")


def test_generators_of_all_kinds_seed_what_is_drawn_by_number():
    X = np.random.default_rng(0).normal(size=(30, 3))
    for kind in (np.random.PCG64, np.random.Philox, np.random.SFC64, np.random.MT19937):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            first, same, other = (
                MLPRegressor((5,), dropout=0.5, max_iter=2, random_state=RandomState(kind(seed)))
                for seed in (0, 0, 1)
            )
            warnings.simplefilter("ignore", ConvergenceWarning)
            first.fit(X, X[:, 0])
        with np.printoptions(threshold=2, linewidth=5, edgeitems=1):
            same.fit(X, X[:, 0]), other.fit(X, X[:, 0])
        np.testing.assert_array_equal(first.coefs_[0], same.coefs_[0])
        assert not np.array_equal(first.coefs_[0], other.coefs_[0])
