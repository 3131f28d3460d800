"""Linear models with structured penalties: peers, closed forms, and certificates of optimality."""

from typing import NamedTuple

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, Lasso, MultiTaskLasso, Ridge
from sklearn.preprocessing import scale

from skreg import MLPClassifier, MLPRegressor

# Older releases of scikit-learn call newer ones of SciPy in a way that these announce to drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*options of the L-BFGS-B:DeprecationWarning")

TIGHT = {"solver": "lbfgs", "tol": 1e-9, "max_iter": 10_000, "random_state": 0}
FULL_BATCH = {"solver": "adam", "batch_size": 200, "max_iter": 1500, "learning_rate": "cosine",
              "learning_rate_init": 0.05, "random_state": 0}  # fmt: skip
MINI_BATCHES = [
    {**FULL_BATCH, "batch_size": 20, "max_iter": 600},
    {**FULL_BATCH, "batch_size": 50, "max_iter": 600, "solver": "sgd"},
]
GROUPS = [[0, 7, 3], [1], [2, 4], [5, 6, 8, 9], [10], [11]]


def make_data(n_targets=1, n=200, n_features=12, n_relevant=4, seed=0):
    """Draw standardized features and targets of which few features know."""
    rng = np.random.default_rng(seed)
    X, coef = rng.normal(size=(n, n_features)), np.zeros((n_features, n_targets))
    coef[:n_relevant] = rng.normal(size=(n_relevant, n_targets))
    return scale(X), scale(X @ coef + rng.normal(size=(n, n_targets)))


class Problem(NamedTuple):
    """Penalized least squares, ``|Y - XW - b|^2 / 2n`` and the penalties of one matrix."""

    X: np.ndarray
    Y: np.ndarray  # (n, n_targets)
    l1: float = 0.0
    l2: float = 0.0
    group_l1: float = 0.0
    groups: list | None = None  # lists of columns that hold every feature once
    factors: list | None = None

    def network(self, **parameters):
        """Return the fitted network without hidden layers."""
        parameters = {"l1": self.l1, "l2": self.l2, "group_l1": self.group_l1,
                      "feature_groups": self.groups, "feature_penalty": self.factors,
                      **parameters}  # fmt: skip
        return MLPRegressor((), **parameters).fit(self.X, self.Y.squeeze())

    def blocks(self):
        """Return columns, factor and strength of the norm of every group."""
        for group in self.groups or [[j] for j in range(self.X.shape[1])]:
            factor = 1.0 if self.factors is None else self.factors[group[0]]
            size = len(group) * self.Y.shape[1]
            yield group, factor, self.group_l1 * factor * np.sqrt(size)

    def violation(self, network):
        """Return how far zero is from the subdifferential of the objective.

        The objective is convex: where this is zero, it is minimal.
        """
        W, worst = network.coefs_[0], []
        residual = (self.Y - self.X @ W - network.intercepts_[0]) / len(self.Y)
        for group, f, strength in self.blocks():
            w, l1 = W[group], self.l1 * f
            pull = self.X[:, group].T @ residual - self.l2 * f * w
            norm = np.linalg.norm(w)
            if norm == 0:
                inside = np.linalg.norm(np.maximum(abs(pull) - l1, 0))
                worst.append(max(inside - strength, 0))
                continue
            rest = pull - strength * w / norm
            gap = np.where(w == 0, np.maximum(abs(rest) - l1, 0), abs(rest - l1 * np.sign(w)))
            worst.append(gap.max())
        return max(*worst, abs(residual.sum(axis=0)).max())

    def duality_gap(self, network):
        """Return by how much the objective of the group lasso is at most above its minimum."""
        W, n = network.coefs_[0], len(self.Y)
        residual = self.Y - self.X @ W - network.intercepts_[0]
        primal = (residual**2).sum() / (2 * n)
        dual = (residual - residual.mean(axis=0)) / n  # the intercept asks for a mean of zero
        longest = 1.0
        for group, _, strength in self.blocks():
            primal += strength * np.linalg.norm(W[group])
            longest = max(longest, np.linalg.norm(self.X[:, group].T @ dual) / strength)
        dual /= longest
        return primal - (dual * self.Y).sum() + n / 2 * (dual**2).sum()


def alive(network):
    """Return which features have an outgoing weight."""
    return network.coefs_[0].any(axis=1)


# The group lasso: a feature is a group over all outputs.


@pytest.mark.parametrize("group_l1", [0.3, 0.1, 0.03])
def test_multi_task_lasso(group_l1):
    problem = Problem(*make_data(3), group_l1=group_l1)
    alpha = group_l1 * np.sqrt(3)
    peer = MultiTaskLasso(alpha=alpha, tol=1e-12, max_iter=10_000).fit(problem.X, problem.Y)
    network = problem.network(l2=0, **FULL_BATCH)
    np.testing.assert_allclose(network.coefs_[0], peer.coef_.T, atol=1e-10)
    np.testing.assert_array_equal(network.coefs_[0] == 0, peer.coef_.T == 0)
    assert 3 <= alive(network).sum() < 12
    assert problem.duality_gap(network) < 1e-11
    for parameters in MINI_BATCHES:
        network = problem.network(l2=0, **parameters)
        np.testing.assert_array_equal(network.coefs_[0] == 0, peer.coef_.T == 0)
        np.testing.assert_allclose(network.coefs_[0], peer.coef_.T, atol=1e-4)


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("group_l1", [0.1, 0.03])
def test_groups_of_columns_are_certified_by_their_duality_gap(group_l1, n_targets):
    problem = Problem(*make_data(n_targets), group_l1=group_l1, groups=GROUPS)
    network = problem.network(**FULL_BATCH, l2=0)
    assert problem.duality_gap(network) < 1e-11
    assert problem.violation(network) < 1e-8
    expected = alive(network)
    for group in GROUPS:
        assert network.coefs_[0][group].all() or not expected[group].any()
    assert 1 < sum(expected[group[0]] for group in GROUPS) < len(GROUPS)
    for parameters in MINI_BATCHES:
        network = problem.network(l2=0, **parameters)
        assert problem.duality_gap(network) < 1e-6
        np.testing.assert_array_equal(alive(network), expected)


def test_the_certificate_knows_wrong_solutions():
    problem = Problem(*make_data(), group_l1=0.1, groups=GROUPS)
    for wrong in (problem._replace(group_l1=0.101), problem._replace(groups=None)):
        network = wrong.network(**FULL_BATCH, l2=0)
        assert problem.duality_gap(network) > 1e-5
        assert problem.violation(network) > 1e-4


MIXTURES = {
    "sparse groups": {"l1": 0.02, "group_l1": 0.05, "groups": GROUPS},
    "sparse rows": {"l1": 0.02, "group_l1": 0.05},
    "shrunken groups": {"l2": 0.3, "group_l1": 0.05, "groups": GROUPS},
    "all": {"l1": 0.02, "l2": 0.3, "group_l1": 0.03, "groups": GROUPS},
    "factors": {"l1": 0.02, "l2": 0.3, "factors": [0, 1, 2, 0.5] * 3},
    "factors of rows": {"group_l1": 0.05, "factors": [0, 1, 2, 0.5] * 3},
    "factors of groups": {"l1": 0.02, "l2": 0.1, "group_l1": 0.03, "groups": GROUPS,
                          "factors": [2, 0, 1, 2, 1, 0.5, 0.5, 2, 0.5, 0.5, 3, 1]},
}  # fmt: skip


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("name", MIXTURES)
def test_mixtures_meet_the_optimality_conditions(name, n_targets):
    problem = Problem(*make_data(n_targets), **MIXTURES[name])
    network = problem.network(**FULL_BATCH)
    assert problem.violation(network) < 1e-8
    coef = network.coefs_[0]
    assert 0 < (coef == 0).sum() < coef.size
    for parameters in MINI_BATCHES:
        other = problem.network(**parameters)
        assert problem.violation(other) < 2e-4
        np.testing.assert_array_equal(other.coefs_[0] == 0, coef == 0)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("group_l1", [(0.0, 0.03), (0.01, 0.03)])
def test_hidden_units_die_where_their_outgoing_weights_do(group_l1, weighted):
    X, Y = make_data(2)
    weight = np.random.default_rng(1).integers(0, 3, len(X)) if weighted else None
    network = MLPRegressor((15,), "tanh", group_l1=group_l1, l2=0, **FULL_BATCH)
    network.fit(X, Y, sample_weight=weight)
    (W, V), (b, c) = network.coefs_, network.intercepts_
    rows = slice(None) if weight is None else np.repeat(np.arange(len(X)), weight)
    last = Problem(np.tanh(X @ W + b)[rows], Y[rows], group_l1=group_l1[1])
    dead = ~V.any(axis=1)
    assert 2 < dead.sum() < 13
    # Given the hidden units, the last layer is a group lasso of its own.
    assert last.violation(MLPRegressor()._replace(V, c)) < 1e-5
