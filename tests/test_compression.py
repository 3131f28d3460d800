"""Networks without dead inputs and units compute the same and are as small as can be."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skreg import MLPClassifier, MLPRegressor
from skreg._compression import compress_network, constant_outputs, cut_unread, fold_constants
from skreg._displays.loss_curve import best_epoch
from skreg._kernels.activations import ACTIVATIONS, IDENTITY
from skreg._kernels.links import LINK_IDENTITY
from skreg._kernels.losses import SQUARED_ERROR
from skreg._prediction import predict_outputs
from skreg._task import Network
from skreg.augmentation import CutOut, FeatureSwap, ImageTransform

RELU, TANH, LOGISTIC = (ACTIVATIONS[name] for name in ("relu", "tanh", "logistic"))


def outputs(coefs, intercepts, codes, X):
    units = (coefs[0].shape[0], *(coef.shape[1] for coef in coefs))
    nothing_dropped = (0.0,) * len(coefs)
    network = Network(
        units, (*codes, IDENTITY), SQUARED_ERROR, 0.0, LINK_IDENTITY, nothing_dropped, 0
    )
    return predict_outputs(network, (coefs, intercepts), X, 1)


def sparse_network(seed):
    """Draw sizes, activations, densities (some layers are empty), dtype and weights."""
    rng = np.random.default_rng(seed)
    units = rng.integers(1, 13, size=rng.integers(2, 6))
    codes = rng.choice(list(ACTIVATIONS.values()), size=units.size - 2)
    dtype = [np.float64, np.float32][seed % 2]
    coefs, intercepts = [], []
    for fan_in, fan_out in zip(units[:-1], units[1:], strict=True):
        coef = rng.normal(size=(fan_in, fan_out))
        coef[rng.random(coef.shape) > rng.choice([0.0, 0.1, 0.2, 0.4, 1.0])] = 0
        coef[rng.random(fan_in) < 0.2] = 0
        coefs.append(coef.astype(dtype))
        intercepts.append(rng.normal(size=fan_out).astype(dtype))
    return coefs, intercepts, [int(code) for code in codes]


def expected_places(coefs):
    """Return which inputs and units lie on a path from an input to an output, at least one."""
    reached = [np.ones(coefs[0].shape[0], bool)]
    for coef in coefs:
        reached.append((coef[reached[-1]] != 0).any(axis=0))
    live = [np.ones(coefs[-1].shape[1], bool)]
    for k in range(len(coefs) - 1, -1, -1):
        live.insert(0, (coefs[k][:, live[0]] != 0).any(axis=1) & reached[k])
    return [np.flatnonzero(level) if level.any() else np.array([0]) for level in live[:-1]]


@pytest.mark.parametrize("seed", range(200))
def test_random_sparse_networks(seed):
    coefs, intercepts, codes = sparse_network(seed)
    kept = [coef.copy() for coef in (*coefs, *intercepts)]
    small = compress_network(coefs, intercepts, codes)

    X = np.random.default_rng(seed).normal(size=(20, coefs[0].shape[0])).astype(coefs[0].dtype)
    tolerance = 200 * np.finfo(X.dtype).eps
    assert_allclose(
        outputs(small.coefs, small.intercepts, codes, X[:, small.columns]),
        outputs(coefs, intercepts, codes, X),
        rtol=tolerance,
        atol=tolerance,
    )
    places = expected_places(coefs)
    assert_array_equal(small.columns, places[0])
    assert [coef.shape[0] for coef in small.coefs] == [level.size for level in places]
    assert {array.dtype for array in (*small.coefs, *small.intercepts)} == {X.dtype}
    for array, before in zip((*coefs, *intercepts), kept, strict=True):
        assert_array_equal(array, before)  # the network that was given is not changed

    again = compress_network(small.coefs, small.intercepts, codes)
    assert_array_equal(again.columns, np.arange(small.columns.size))
    for one, other in zip(again.coefs, small.coefs, strict=True):
        assert_array_equal(one, other)


def test_dead_ends_and_constants_by_hand():
    # Input 1 is read by nobody but unit 2, which nobody reads. Unit 1 reads nothing.
    first = np.array([[1.0, 0, 0, 2], [0, 0, 5, 0], [3, 0, 0, 0]])
    second = np.array([[1.0, 2], [4, 5], [0, 0], [0, -1]])
    biases = [np.array([0.1, 0.7, 0.2, 0.3]), np.array([1.0, -1])]
    small = compress_network([first, second], biases, [TANH])
    assert_array_equal(small.columns, [0, 2])
    assert_array_equal(small.coefs[0], [[1, 2], [3, 0]])
    assert_array_equal(small.coefs[1], [[1, 2], [0, -1]])
    assert_array_equal(small.intercepts[0], [0.1, 0.3])
    folded = np.array([1.0, -1]) + np.tanh(0.7) * np.array([4.0, 5])
    assert_allclose(small.intercepts[1], folded, rtol=1e-14)


def test_constants_of_constants():
    # The second layer's only unit reads a constant: what is left is the bias of the output.
    coefs = [np.zeros((2, 1)), np.array([[2.0]]), np.array([[3.0]])]
    intercepts = [np.array([0.5]), np.array([-0.25]), np.array([1.0])]
    small = compress_network(coefs, intercepts, [RELU, LOGISTIC])
    expected = 1 + 3 / (1 + np.exp(-(2 * 0.5 - 0.25)))
    assert [coef.shape for coef in small.coefs] == [(1, 1)] * 3
    assert not any(coef.any() for coef in small.coefs)
    assert_allclose(small.intercepts[2], [expected], rtol=1e-14)


def test_dead_ends_of_dead_ends():
    coefs = [np.ones((4, 3)), np.ones((3, 3)), np.ones((3, 1))]
    coefs[2][1:] = 0  # of the last layer one unit is read,
    coefs[1][2, 0] = 0  # which does not read the third unit below,
    coefs[0][3, :2] = 0  # which alone reads the last input
    small = compress_network(coefs, [np.zeros(3), np.zeros(3), np.zeros(1)], [RELU, RELU])
    assert [coef.shape for coef in small.coefs] == [(3, 2), (2, 1), (1, 1)]
    assert_array_equal(small.columns, [0, 1, 2])


def test_nothing_is_dead():
    coefs = [np.ones((3, 2)), np.ones((2, 1))]
    small = compress_network(coefs, [np.ones(2), np.ones(1)], [TANH])
    for one, other in zip(small.coefs, coefs, strict=True):
        assert_array_equal(one, other)


def test_a_linear_network():
    coef = np.array([[0.0, 0], [1, 0], [0, 0]])
    small = compress_network([coef], [np.array([1.0, 2])], [])
    assert_array_equal(small.columns, [1])
    assert_array_equal(small.coefs[0], [[1, 0]])
    assert_array_equal(small.intercepts[0], [1, 2])


def test_the_two_sweeps_change_in_place():
    coefs = [np.array([[0.0, 1]]), np.array([[2.0], [0]])]
    intercepts = [np.array([0.5, 0.5]), np.array([1.0])]
    fold_constants(coefs, intercepts, [IDENTITY])
    assert_array_equal(coefs[1], [[0], [0]])
    assert_array_equal(intercepts[1], [2.0])
    cut_unread(coefs)
    assert_array_equal(coefs[0], [[0, 0]])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_constant_outputs(dtype):
    biases = np.linspace(-3, 3, 9).astype(dtype)
    found = constant_outputs(LOGISTIC, biases)
    assert_allclose(found, 1 / (1 + np.exp(-biases)), rtol=4 * np.finfo(dtype).eps)
    assert found.dtype == dtype


@pytest.mark.parametrize("weight_averaging", [0.0, 0.9])
@pytest.mark.parametrize("patience, is_back", [(2, True), (20, False)])
def test_the_best_epoch_stays_the_one_whose_weights_are_kept(patience, is_back, weight_averaging):
    X = np.random.default_rng(0).normal(size=(60, 4))
    network = MLPRegressor(
        (3,), early_stopping=True, tol=1.0, n_iter_no_change=patience, random_state=0,
        weight_averaging=weight_averaging,
    )  # fmt: skip
    for _ in range(4):
        network.partial_fit(X, X[:, 0], X_val=X, y_val=X[:, 0])
    small = network.compress()
    assert best_epoch(small) == best_epoch(small.compress()) == best_epoch(network)
    assert (best_epoch(small) is not None) is is_back
    moments = [name for name, value in small._solver_state.items() if isinstance(value, np.ndarray)]
    assert not moments  # they are as long as the network was
    whole = small.set_params(warm_start=True, max_iter=3, tol=0.0).fit(X, X[:, 0])
    assert best_epoch(whole) is not None  # a fit brings the best weights back


# Training what is left.


def pruned(Estimator=MLPRegressor, **parameters):
    """Return rows, targets, and a compressed network that reads the columns 1, 4 and 7 of 9."""
    X = np.random.default_rng(0).normal(size=(60, 9))
    y = X[:, 4] - X[:, 7]
    y = y > 0 if Estimator is MLPClassifier else y
    network = Estimator((4,), max_iter=3, random_state=0, batch_size=20, **parameters).fit(X, y)
    network.coefs_[0][[0, 2, 3, 5, 6, 8]] = 0
    small = network.compress()
    assert_array_equal(small.active_features_, [1, 4, 7])
    return X, y, small


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array, sp.csc_matrix])
@pytest.mark.parametrize("has_own", [True, False])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_scorers_see_columns_as_they_are_numbered(solver, has_own, container):
    X, y, small = pruned(early_stopping=True, warm_start=True)
    seen = []

    def scorer(estimator, rows, targets):
        assert estimator.n_features_in_ == rows.shape[1] == 9
        seen.append(rows.toarray() if sp.issparse(rows) else rows)
        assert_array_equal(seen[-1][:, 4] - seen[-1][:, 7], targets)
        return -((estimator.predict(rows) - targets) ** 2).mean()

    own = {"X_val": container(X[:20]), "y_val": y[:20]} if has_own else {}
    small.set_params(solver=solver, scoring=scorer).fit(container(X), y, **own)
    assert len(seen) == len(small.validation_scores_) - 3
    history = small.history_
    losses = -2 * history["validation_loss"][3:]
    assert_allclose(history["validation_score"][3:], losses, rtol=1e-12)
    for rows in seen:
        assert not rows[:, [0, 2, 3, 5, 6, 8]].any()  # what the network does not read
    if has_own:
        assert_array_equal(seen[0][:, [1, 4, 7]], X[:20, [1, 4, 7]])


def test_scorers_of_a_compressed_classifier():
    X, y, small = pruned(MLPClassifier)
    small.set_params(early_stopping=True, scoring="neg_log_loss")
    small.partial_fit(X, y, X_val=X[:30], y_val=y[:30])
    found = small.validation_scores_[-1]
    expected = np.log(small.predict_proba(X[:30])[np.arange(30), y[:30] * 1]).mean()
    assert found == pytest.approx(expected, rel=1e-12)


def test_transforms_call_columns_as_they_are_numbered():
    X, y, _ = pruned()

    def trained(groups, of_network=None):
        small = pruned()[2]
        small.set_params(augmentation=FeatureSwap(0.5, groups), feature_groups=of_network)
        return small.partial_fit(X, y).coefs_[0]

    together = trained([[4, 7, 0]])
    alone = trained([[0, 1, 2], [3, 4], [6, 7]])  # with columns that are gone
    assert (together != alone).any()
    assert_array_equal(together, trained(None, [[4, 7, 0]]))
    assert_array_equal(alone, trained(None))


@pytest.mark.parametrize("transform", [ImageTransform((3, 3), rotation=10), CutOut((3, 3), 1)])
def test_images_with_holes_are_refused(transform):
    X, y, small = pruned(augmentation=transform)
    message = (
        rf"augmentation={type(transform).__name__}\(.* needs whole images, but the network was "
        r"compressed: it reads 3 of 9 features; set augmentation=None, or go on training the"
    )
    with pytest.raises(ValueError, match=message):
        small.partial_fit(X, y)
    for off in (None, ImageTransform((3, 3)), CutOut((3, 3), 0)):
        small.set_params(augmentation=off).partial_fit(X, y)
    small.set_params(augmentation=transform).fit(X, y)  # all columns again


@pytest.mark.parametrize("other", ["int64", "float32", ">f8"])
def test_weights_of_any_dtype_keep_their_values(other):
    rng = np.random.default_rng(0)
    coefs = [rng.integers(-3, 4, (5, 4)).astype(other), rng.normal(size=(4, 1))]
    coefs[0][:, 1] = 0  # a constant unit
    biases = [rng.normal(size=4), rng.normal(size=1)]
    small = compress_network(coefs, biases, [TANH])
    X = rng.normal(size=(9, 5))
    assert {array.dtype for array in (*small.coefs, *small.intercepts)} == {X.dtype}
    expected = np.tanh(X @ coefs[0] + biases[0]) @ coefs[1] + biases[1]
    hidden = np.tanh(X[:, small.columns] @ small.coefs[0] + small.intercepts[0])
    assert_allclose(hidden @ small.coefs[1] + small.intercepts[1], expected, rtol=1e-12)
