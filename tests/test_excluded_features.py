"""Features that penalties exclude: by infinity, by numbers too large, below a frozen layer."""

import numpy as np
import pytest

from tests.test_regularization import FACTORS, X, Y, learned, make

# Older releases of scikit-learn call newer ones of SciPy in a way that these announce to drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*options of the L-BFGS-B:DeprecationWarning")

solvers = pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "solver, name",
    [(s, n) for s in ("adam", "sgd") for n in ("l1", "l2", "group_l1")]
    + [("lbfgs", "l1"), ("lbfgs", "l2")],
)
def test_factors_too_large_for_numbers_exclude(solver, name, dtype):
    given = {"l2": 0.0, name: 0.1, "solver": solver, "dtype": dtype}
    excluded = make(**given, feature_penalty=[1, np.inf] + [1] * 8).fit(X, Y)
    assert np.isfinite(excluded.loss_) and not excluded.coefs_[0][1].any()
    for factor in (1e12, 1e30, 1e38, 1e39, 1e300):
        network = make(**given, feature_penalty=[1, factor] + [1] * 8).fit(X, Y)
        np.testing.assert_array_equal(learned(network), learned(excluded))
        assert network.loss_ == excluded.loss_
        assert network.penalty_breakdown() == excluded.penalty_breakdown()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@solvers
def test_large_factors_within_the_bound_are_penalties(solver, dtype):
    given = {"solver": solver, "dtype": dtype, "l1": 0.1, "l2": 0.0, "hidden_layer_sizes": (),
             "max_iter": 60}  # fmt: skip
    network = make(**given, feature_penalty=[1, 0.9e11] + [0] * 8).fit(X, Y)
    assert np.isfinite(network.loss_)
    assert network.coefs_[0][1] == 0 and network.coefs_[0][2:].all()


@solvers
def test_every_factor_may_be_too_large(solver):
    network = make(l1=1.0, feature_penalty=[1e30] * 10, dtype="float32", solver=solver).fit(X, Y)
    assert network.active_features_.size == 0 and np.isfinite(network.loss_)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@solvers
def test_factors_of_a_strength_that_is_off_change_nothing(solver, dtype):
    given = {"l2": 0.0, "solver": solver, "dtype": dtype}
    plain = make(**given).fit(X, Y)
    network = make(**given, feature_penalty=[1e39] * 9 + [1e300]).fit(X, Y)
    np.testing.assert_allclose(learned(network), learned(plain), rtol=0, atol=1e-5)


@solvers
def test_a_frozen_layer_does_not_read_what_is_excluded(solver):
    coefs, kept = make(max_iter=1).fit(X, Y).coefs_, np.delete(np.arange(10), 6)
    given = {"frozen_layers": [0], "feature_penalty": FACTORS, "solver": solver, "l1": 0.01}
    network = make(**given).fit(X, Y, coef_init=coefs)
    np.testing.assert_array_equal(network.active_features_, kept)
    np.testing.assert_array_equal(network.coefs_[0][kept], coefs[0][kept])
    other = X.copy()
    other[:, 6] = 1e6
    changed = make(**given).fit(other, Y, coef_init=coefs)
    np.testing.assert_array_equal(learned(changed), learned(network))
