"""Predictions: few rows go another way through the kernels, to the same bits."""

from types import SimpleNamespace

import numba
import numpy as np
import pytest
import scipy.sparse as sp

from skreg import MLPClassifier, MLPRegressor, _prediction
from skreg._kernels.few import layer_of_few
from skreg._prediction import FEW_PRODUCTS, FEW_ROWS, NOT_MANY_ROWS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(NOT_MANY_ROWS + 1, 30))


def by_engine(call, monkeypatch):
    """Return what ``call`` returns when no rows count as few."""
    with monkeypatch.context() as patch:
        patch.setattr(_prediction, "_are_few", lambda X, network: False)
        return call()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_rows", [1, FEW_ROWS, FEW_ROWS + 1, NOT_MANY_ROWS, NOT_MANY_ROWS + 1])
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
    for rows in (np.asfortranarray(X[:700]), sp.csr_array(X[:700]), X[:1400:2]):
        np.testing.assert_allclose(network.predict(rows)[:1], expected[:1], rtol=1e-12)
        other = by_engine(lambda rows=rows: network.predict(rows), monkeypatch)
        np.testing.assert_array_equal(network.predict(rows), other)


@pytest.mark.parametrize(
    "n_rows, units, is_few",
    [
        (FEW_ROWS, (5000, 1000, 1), True),  # one call, however large the network
        (NOT_MANY_ROWS, (30, 64, 1), True),
        (NOT_MANY_ROWS + 1, (30, 64, 1), False),
        (FEW_ROWS + 1, (300, FEW_PRODUCTS // FEW_ROWS // 300, 1), False),
    ],
)
def test_which_rows_are_few(n_rows, units, is_few):
    network = SimpleNamespace(units=units)
    assert _prediction._are_few(np.empty((n_rows, units[0])), network) is is_few


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_weights_that_are_read_only_need_no_program_of_their_own():
    network = MLPClassifier((17, 5), max_iter=2, random_state=0).fit(X, np.arange(len(X)) % 3)
    expected = network.predict_proba(X[:3])
    n_programs = len(layer_of_few.overloads)
    for part in network.coefs_ + network.intercepts_:  # as of a memory map
        part.flags.writeable = False
    np.testing.assert_array_equal(network.predict_proba(X[:3]), expected)
    assert len(layer_of_few.overloads) == n_programs
