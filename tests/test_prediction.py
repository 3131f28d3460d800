"""Predictions: with and without an engine, to the same bits."""

from itertools import pairwise

import numba
import numpy as np
import pytest
import scipy.sparse as sp

from skreg import MLPClassifier, MLPRegressor, _prediction
from skreg._job import Network
from skreg._kernels.activations import IDENTITY
from skreg._kernels.few import layer_of_few
from skreg._kernels.losses import LINK_IDENTITY
from skreg._prediction import BLOCK_ROWS, FEW_ROWS, NOT_MANY_ROWS, predict_outputs

RNG = np.random.default_rng(0)
X = RNG.normal(size=(NOT_MANY_ROWS + 1, 30))


def by_engine(call, monkeypatch):
    """Return what ``call`` returns when all rows go through an engine."""
    with monkeypatch.context() as patch:
        patch.setattr(_prediction, "FEW_ROWS", 0)
        patch.setattr(_prediction, "_are_direct", lambda X, network, dtype: False)
        return call()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_rows", [1, 9, FEW_ROWS, BLOCK_ROWS + 1, NOT_MANY_ROWS])
def test_few_rows_get_the_bits_of_the_engine(n_rows, dtype, monkeypatch):
    y = np.arange(len(X)) % 3
    network = MLPClassifier((17, 5), activation=["gelu", "tanh"], max_iter=2, random_state=0)
    network.fit(X.astype(dtype), y)
    rows = X[:n_rows].astype(dtype)
    few = network.predict_proba(rows)
    expected = by_engine(lambda: network.predict_proba(rows), monkeypatch)
    assert few.dtype == expected.dtype == dtype
    np.testing.assert_array_equal(few, expected)
    np.testing.assert_allclose(few.sum(axis=1), 1, rtol=1e-6)


def test_sparse_rows_and_columns_first_get_the_same_bits(monkeypatch):
    network = MLPRegressor((9,), max_iter=2, random_state=0).fit(X, X[:, 0])
    expected = network.predict(X[:700])
    twice = sp.csr_array(X[:700])
    twice.data, twice.indices = np.repeat(twice.data / 2, 2), np.repeat(twice.indices, 2)
    twice.indptr = 2 * twice.indptr
    for rows in (np.asfortranarray(X[:700]), sp.csr_array(X[:700]), twice, X[:1400:2]):
        np.testing.assert_allclose(network.predict(rows)[:1], expected[:1], rtol=1e-12)
        other = by_engine(lambda rows=rows: network.predict(rows), monkeypatch)
        np.testing.assert_array_equal(network.predict(rows), other)


@pytest.mark.parametrize("n_rows", [3, 9, 200, NOT_MANY_ROWS])
@pytest.mark.parametrize("other", ["float32", "int64"])
@pytest.mark.parametrize("layer", [1, 2])
def test_a_layer_of_another_dtype_is_converted(layer, other, n_rows):
    network = MLPRegressor((17, 9), max_iter=2, random_state=0).fit(X, X[:, 0])
    network.coefs_[layer] = np.rint(network.coefs_[layer] * 3)
    expected = network.predict(X[:n_rows])
    network.coefs_[layer] = network.coefs_[layer].astype(other)
    np.testing.assert_array_equal(network.predict(X[:n_rows]), expected)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="all rows need an engine then")
@pytest.mark.parametrize(
    "n_rows, units, cores, needs_engine",
    [
        (FEW_ROWS, (5000, 1000, 1), 4, False),  # however large the network
        (FEW_ROWS + 1, (5000, 1000, 1), 4, True),
        (FEW_ROWS + 1, (5000, 1000, 1), 1, False),
        (NOT_MANY_ROWS + 1, (500, 1000, 1), 1, True),
        (NOT_MANY_ROWS + 1, (30, 64, 1), 4, False),  # nothing to share
        (10 * NOT_MANY_ROWS, (30, 64, 1), 1, False),
    ],
)
def test_which_rows_need_an_engine(n_rows, units, cores, needs_engine, monkeypatch):
    engines = []

    def note(network, parameters, X, n_threads):
        engines.append(n_threads)
        return np.zeros((len(X), units[-1]))

    monkeypatch.setattr(_prediction, "_outputs_of_team", note)
    network = Network.plain(units, (IDENTITY,) * (len(units) - 1), LINK_IDENTITY)
    shapes = list(pairwise(units))
    parameters = [np.ones(shape) for shape in shapes], [np.zeros(shape[1]) for shape in shapes]
    out = predict_outputs(network, parameters, np.ones((n_rows, units[0])), cores)
    assert out.shape == (n_rows, units[-1])
    assert engines == ([cores] if needs_engine else [])
    if not engines:
        np.testing.assert_array_equal(out, np.prod(units[:-1]))


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_weights_that_are_read_only_need_no_program_of_their_own():
    network = MLPClassifier((17, 5), max_iter=2, random_state=0).fit(X, np.arange(len(X)) % 3)
    expected = network.predict_proba(X[:3])
    n_programs = len(layer_of_few.overloads)
    for part in network.coefs_ + network.intercepts_:  # as of a memory map
        part.flags.writeable = False
    np.testing.assert_array_equal(network.predict_proba(X[:3]), expected)
    assert len(layer_of_few.overloads) == n_programs
