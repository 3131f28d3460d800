"""Linear models with structured penalties: peers, closed forms, and certificates of optimality."""

from types import SimpleNamespace
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
        assert problem.duality_gap(network) < 2e-5
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


@pytest.mark.parametrize("group_l1, weighted", [((0.01, 0.03), False), ((0.02, 0.06), True)])
def test_hidden_units_die_where_their_outgoing_weights_do(group_l1, weighted):
    X, Y = make_data(2)
    counts = np.random.default_rng(1).integers(0, 3, len(X)) if weighted else np.ones(len(X), int)
    network = MLPRegressor((15,), "tanh", group_l1=group_l1, l2=0, **FULL_BATCH)
    network.set_params(batch_size=np.count_nonzero(counts)).fit(X, Y, sample_weight=counts)
    (W, V), (b, c) = network.coefs_, network.intercepts_
    X, Y = X.repeat(counts, axis=0), Y.repeat(counts, axis=0)
    assert 2 < (~V.any(axis=1)).sum() < 15
    # Given the hidden units, the last layer is a group lasso of its own.
    last = Problem(np.tanh(X @ W + b), Y, group_l1=group_l1[1])
    assert last.violation(SimpleNamespace(coefs_=[V], intercepts_=[c])) < 2e-4
    # A unit that nobody listens to has no reason for incoming weights.
    np.testing.assert_allclose(W[:, ~V.any(axis=1)], 0, atol=1e-12)


# Factors of the features.


@pytest.mark.parametrize("parameters", [TIGHT, FULL_BATCH], ids=["lbfgs", "adam"])
@pytest.mark.parametrize("l1, l2", [(0.05, 0.0), (0.0, 0.3), (0.05, 0.3)])
def test_factors_rescale_the_columns_of_the_elastic_net(l1, l2, parameters):
    (X, Y), f = make_data(), np.array([0.5, 1, 3, 2] * 3)
    n = len(X)
    # l2 is more rows: (sqrt(n l2 f_j) w_j)^2 / 2n. A factor of l1 is the scale of a column.
    rows, zeros = np.diag(np.sqrt(n * l2 * f)), np.zeros(12)
    peer = Lasso(l1 * n / (n + 12), fit_intercept=False, tol=1e-13, max_iter=100_000)
    if l1 == 0:
        peer = Ridge(0.0, fit_intercept=False, solver="cholesky")
    peer.fit(np.vstack([X, rows]) / f, np.append(Y[:, 0], zeros))
    network = Problem(X, Y, l1, l2, factors=f.tolist()).network(**parameters)
    expected = peer.coef_ / f
    np.testing.assert_allclose(network.coefs_[0][:, 0], expected, atol=1e-5)
    np.testing.assert_array_equal(network.coefs_[0][:, 0] == 0, expected == 0)
    assert 0 < (expected == 0).sum() < 12 or l1 == 0


@pytest.mark.parametrize("parameters", [TIGHT, FULL_BATCH], ids=["lbfgs", "adam"])
def test_equal_factors_are_the_strength(parameters):
    X, Y = make_data()
    peer = ElasticNet(0.2, l1_ratio=0.5, tol=1e-13, max_iter=100_000).fit(X, Y[:, 0])
    network = Problem(X, Y, 0.05, 0.05, factors=[2.0] * 12).network(**parameters)
    np.testing.assert_allclose(network.coefs_[0][:, 0], peer.coef_, atol=1e-6)
    np.testing.assert_array_equal(network.coefs_[0][:, 0] == 0, peer.coef_ == 0)


@pytest.mark.parametrize("parameters", [TIGHT, FULL_BATCH], ids=["lbfgs", "adam"])
def test_features_without_penalty_are_fitted_first(parameters):
    # Frisch, Waugh & Lovell: what is exempt can be projected out of everything else.
    X, Y = make_data()
    free, rest = X[:, 4:6], np.delete(X, [4, 5], axis=1)
    Q, _ = np.linalg.qr(np.hstack([free, np.ones((len(X), 1))]))
    peer = Lasso(0.1, fit_intercept=False, tol=1e-13, max_iter=100_000)
    peer.fit(rest - Q @ (Q.T @ rest), (Y - Q @ (Q.T @ Y))[:, 0])
    factors = [1.0] * 4 + [0.0] * 2 + [1.0] * 6
    coef = Problem(X, Y, 0.1, factors=factors).network(l2=0, **parameters).coefs_[0][:, 0]
    np.testing.assert_allclose(np.delete(coef, [4, 5]), peer.coef_, atol=1e-5)
    np.testing.assert_array_equal(np.delete(coef, [4, 5]) == 0, peer.coef_ == 0)
    assert coef[4:6].all()


# The distance to an anchor.


def ridge(X, y, penalty, anchor=0.0):
    """Minimize ``|y - Xw - b|^2 / 2n + penalty/2 |w - anchor|^2``; return w and b.

    ``penalty`` is one number or one per feature.
    """
    n, center, level = len(X), X.mean(axis=0), y.mean(axis=0)
    A = (X - center).T @ (X - center) / n + np.diag(np.broadcast_to(penalty, X.shape[1]))
    b = (X - center).T @ (y - level) / n + np.reshape(
        penalty * np.ones(X.shape[1]), (-1, 1)
    ) * anchor
    w = np.linalg.solve(A, b)
    return w, level - center @ w


@pytest.mark.parametrize("parameters", [TIGHT, FULL_BATCH], ids=["lbfgs", "adam"])
@pytest.mark.parametrize("n_targets", [1, 2])
def test_ridge_regression_towards_an_anchor(n_targets, parameters):
    X, Y = make_data(n_targets)
    X = X + 0.5
    rng = np.random.default_rng(3)
    anchor = [rng.normal(size=(12, n_targets))], [rng.normal(size=n_targets)]
    network = MLPRegressor((), l2_anchor=0.4, l2=0, **parameters)
    network.fit(X, Y.squeeze(), coef_init=anchor[0], intercept_init=anchor[1])
    w, b = ridge(X, Y, 0.4, anchor[0][0])
    np.testing.assert_allclose(network.coefs_[0], w, atol=1e-6)
    np.testing.assert_allclose(network.intercepts_[0], b, atol=1e-6)
    half_square = 0.2 * ((w - anchor[0][0]) ** 2).sum()
    assert network.history_["l2_anchor"][-1] == pytest.approx(half_square, rel=1e-4)


# Frozen layers.


@pytest.mark.parametrize("parameters", [TIGHT, FULL_BATCH], ids=["lbfgs", "adam"])
def test_random_features_under_ridge_regression(parameters):
    X, Y = make_data(2)
    rng = np.random.default_rng(3)
    W, b = rng.normal(size=(12, 8)) / 3, rng.normal(size=8)
    network = MLPRegressor((8,), "tanh", l2=0.1, frozen_layers=[0], **parameters)
    network.fit(X, Y, coef_init=[W, np.zeros((8, 2))], intercept_init=[b, np.zeros(2)])
    np.testing.assert_array_equal(network.coefs_[0], W)
    np.testing.assert_array_equal(network.intercepts_[0], b)
    coef, intercept = ridge(np.tanh(X @ W + b), Y, 0.1)
    np.testing.assert_allclose(network.coefs_[1], coef, atol=1e-6)
    np.testing.assert_allclose(network.intercepts_[1], intercept, atol=1e-6)


@pytest.mark.parametrize("parameters", [TIGHT, FULL_BATCH], ids=["lbfgs", "adam"])
def test_a_frozen_last_layer_leaves_a_linear_model_of_its_outputs(parameters):
    X, Y = make_data()
    V = np.array([[0.5], [-2.0]])
    network = MLPRegressor((2,), "identity", l2=[0.2, 0.3], frozen_layers=[-1], **parameters)
    network.fit(X, Y[:, 0], coef_init=[np.zeros((12, 2)), V], intercept_init=[np.zeros(2), [0.3]])
    np.testing.assert_array_equal(network.coefs_[1], V)
    np.testing.assert_array_equal(network.intercepts_[1], [0.3])
    # The shortest W with W V = w is w V' / V'V: the penalty on w is that of W over V'V.
    w, _ = ridge(X, Y, 0.2 / (V**2).sum())
    np.testing.assert_allclose(network.coefs_[0], w @ V.T / (V**2).sum(), atol=1e-6)


# Dropped inputs.


def test_input_dropout_is_a_ridge_regression_on_average():
    # Wager, Wang & Liang (2013): over the masks, the squared error of a linear model is
    # |y - Xw - b|^2 / 2n + p / (1 - p) / 2 sum_j mean(x_j^2) w_j^2. The masks leave noise, which
    # averaging over the seeds makes smaller; the errors of their mean are known from their spread.
    X, Y = make_data(n=100, n_features=6)
    X *= np.linspace(0.5, 1.5, 6)
    X += 0.3
    p, found = 0.3, []
    for seed in range(12):
        network = MLPRegressor((), l2=0, input_dropout=p, solver="sgd", batch_size=20,
                               max_iter=1500, learning_rate="cosine", learning_rate_init=0.05,
                               weight_averaging=0.99, random_state=seed)  # fmt: skip
        network.fit(X, Y[:, 0])
        found.append(np.append(network.coefs_[0][:, 0], network.intercepts_[0]))
    expected = np.append(*ridge(X, Y, p / (1 - p) * (X**2).mean(axis=0)))
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert (abs(np.mean(found, axis=0) - expected) < 5 * error).all()
    assert error.max() < 0.003
    plain = np.append(*ridge(X, Y, 0.0))
    assert np.median(abs(expected - plain) / error) > 20


# Groups in other models than least squares.


def test_features_of_a_softmax_regression_die_as_groups():
    X, _ = make_data()
    coef = np.random.default_rng(2).normal(size=(4, 3))
    y = (X[:, :4] @ coef + np.random.default_rng(3).gumbel(size=(200, 3))).argmax(axis=1)
    network = MLPClassifier((), group_l1=0.02, feature_groups=GROUPS, l2=0, **FULL_BATCH).fit(X, y)
    W = network.coefs_[0]
    pull = X.T @ (np.eye(3)[y] - network.predict_proba(X)) / len(X)
    n_dead = 0
    for group in GROUPS:
        strength, norm = 0.02 * np.sqrt(3 * len(group)), np.linalg.norm(W[group])
        if norm > 0:
            np.testing.assert_allclose(pull[group], strength * W[group] / norm, atol=1e-7)
        else:
            n_dead += 1
            assert np.linalg.norm(pull[group]) <= strength
    assert 0 < n_dead < len(GROUPS)
