"""Warm-started paths: scikit-learn's without hidden layers, properties of the record with them."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.datasets import load_breast_cancer, load_diabetes, make_regression
from sklearn.linear_model import LogisticRegression, MultiTaskLasso, Ridge, lasso_path
from sklearn.metrics import log_loss, r2_score
from sklearn.preprocessing import scale

from skreg import MLPClassifier, MLPPath, MLPRegressor, feature_importances_from_path, mlp_path
from skreg._base import BaseMLP
from skreg._path import default_estimator

# Older releases of scikit-learn call newer ones of SciPy in a way that these announce to drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*options of the L-BFGS-B:DeprecationWarning")


def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return scale(X), scale(y)


def wide(n_rows=300, n_features=40):
    X, y = make_regression(n_rows, n_features, n_informative=8, noise=20.0, random_state=1)
    return scale(X), scale(y)


def more_columns_than_rows():
    return wide(60, 200)


def curved(n_rows=200, seed=0):
    """Draw six features, of which the first two bend the target."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 6))
    return X, np.abs(X[:, 0]) - np.abs(X[:, 1]) + 0.1 * rng.normal(size=n_rows)


SMALL = {"hidden_layer_sizes": (8,), "max_iter": 60, "random_state": 0, "batch_size": 50}


@pytest.fixture(scope="module")
def small_path():
    X, y = curved()
    X_val, y_val = curved(seed=1)
    return mlp_path(X, y, l1s=np.geomspace(1e-3, 0.5, 12), X_val=X_val, y_val=y_val, **SMALL)


# Without hidden layers.


@pytest.mark.parametrize("data", [diabetes, wide, more_columns_than_rows])
def test_the_l1_path_without_hidden_layers_is_that_of_lasso(data):
    X, y = data()
    path = mlp_path(X, y, l1s=30, eps=1e-2, hidden_layer_sizes=())
    top = abs(X.T @ y).max() / y.size
    np.testing.assert_allclose(path.strengths, np.geomspace(top * 1e-2, top, 30), rtol=1e-10)
    _, expected, _ = lasso_path(X, y, alphas=path.strengths[::-1], tol=1e-12, max_iter=100_000)
    coefs = np.array([coefs[0][:, 0] for coefs in path.coefs]).T
    np.testing.assert_allclose(coefs, expected[:, ::-1], atol=3e-5)
    # At the top itself rounding decides whether the first weight is zero.
    np.testing.assert_array_equal(coefs[:, :-1] == 0, expected[:, :0:-1] == 0)
    assert path.n_nonzero[-1] <= 1
    np.testing.assert_array_equal(path.n_nonzero, (coefs != 0).sum(axis=0))
    np.testing.assert_allclose([b[0] for b in path.intercepts], 0.0, atol=1e-6)
    squares = ((y[:, None] - X @ coefs) ** 2).mean(axis=0)
    np.testing.assert_allclose(path.loss, squares / 2, rtol=1e-6)
    penalties = path.strengths * abs(coefs).sum(axis=0)
    np.testing.assert_allclose(path.penalty, penalties, rtol=1e-9, atol=1e-15)


def test_the_l1_path_of_a_linear_classifier_is_that_of_logistic_regression():
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    path = mlp_path(X, y, l1s=[0.03, 0.1], hidden_layer_sizes=(), random_state=0)
    for strength, coefs in zip(path.strengths, path.coefs, strict=True):
        peer = LogisticRegression(C=1 / (y.size * strength), tol=1e-8, max_iter=20_000)
        peer.set_params(solver="saga", random_state=0)
        # Until 1.8 the penalty has a name; from then on a ratio says the same.
        peer.set_params(**({"l1_ratio": 1} if peer.l1_ratio is not None else {"penalty": "l1"}))
        expected = peer.fit(X, y).coef_.T
        np.testing.assert_allclose(coefs[0], expected, atol=1e-4)
        np.testing.assert_array_equal(coefs[0] == 0, expected == 0)


def test_the_l2_path_without_hidden_layers_is_that_of_ridge():
    X, y = diabetes()
    path = mlp_path(X, y, l2s=[1.0, 0.01, 0.1], hidden_layer_sizes=())
    np.testing.assert_array_equal(path.strengths, [0.01, 0.1, 1.0])
    for strength, coefs in zip(path.strengths, path.coefs, strict=True):
        expected = Ridge(alpha=y.size * strength).fit(X, y).coef_
        np.testing.assert_allclose(coefs[0][:, 0], expected, atol=1e-4)
    assert path.active_features[-1].tolist() == list(range(10))


def test_group_path_without_hidden_layers_and_one_output_is_that_of_lasso():
    X, y = diabetes()
    path = mlp_path(
        X, y, group_l1s=[0.05, 0.2], hidden_layer_sizes=(), random_state=0, max_iter=300
    )
    _, expected, _ = lasso_path(X, y, alphas=[0.2, 0.05], tol=1e-12, max_iter=100_000)
    coefs = np.array([coefs[0][:, 0] for coefs in path.coefs]).T
    np.testing.assert_allclose(coefs, expected[:, ::-1], atol=2e-3)
    np.testing.assert_array_equal(coefs == 0, expected[:, ::-1] == 0)


# With them.


def outputs(coefs, intercepts, X):
    return (np.maximum(X @ coefs[0] + intercepts[0], 0) @ coefs[1] + intercepts[1])[:, 0]


def test_the_record_describes_its_weights(small_path):
    (X, y), (X_val, y_val) = curved(), curved(seed=1)
    for place, strength in enumerate(small_path.strengths):
        coefs, intercepts = small_path.coefs[place], small_path.intercepts[place]
        loss = ((outputs(coefs, intercepts, X) - y) ** 2).mean() / 2
        assert small_path.loss[place] == pytest.approx(loss, rel=1e-9)
        penalty = strength * sum(abs(coef).sum() for coef in coefs)
        assert small_path.penalty[place] == pytest.approx(penalty, rel=1e-9)
        n_nonzero = sum(np.count_nonzero(coef) for coef in coefs)
        assert small_path.n_nonzero[place] == n_nonzero
        alive = np.flatnonzero(abs(coefs[0]).sum(axis=1))
        np.testing.assert_array_equal(small_path.active_features[place], alive)
        score = r2_score(y_val, outputs(coefs, intercepts, X_val))
        assert small_path.validation_score[place] == pytest.approx(score, rel=1e-9)


def test_the_repr_is_one_line(small_path):
    n_active = small_path.active_features[0].size
    assert repr(small_path) == (
        "<MLPPath along l1 from 0.001 to 0.5: n_strengths=12, n_features=6, "
        f"{n_active} to 0 active>"
    )
    assert repr(small_path._replace(axis="l2")).startswith("<MLPPath along l2 from")


def test_the_path_goes_from_dense_to_empty(small_path):
    y = curved()[1]
    assert small_path.n_nonzero[0] > 20 and small_path.n_nonzero[-1] == 0
    assert (np.diff(small_path.n_nonzero) <= 2).all()
    assert small_path.validation_score[:3].min() > 0.8
    # The network without weights predicts the mean; nothing on the path is worse.
    np.testing.assert_allclose(small_path.loss[-1], y.var() / 2, rtol=1e-12)
    assert (small_path.loss + small_path.penalty <= y.var() / 2 * (1 + 1e-12)).all()


def test_informative_features_die_last(small_path):
    died_at = feature_importances_from_path(small_path)
    assert died_at[:2].min() > 2 * died_at[2:].max()


def test_each_strength_starts_from_the_previous_solution(small_path):
    X, y = curved()
    dead = int(np.argmax(small_path.n_nonzero == 0))
    # Where the empty network took over, that strength was trained, and once more to see that this
    # is no help; the ones beyond are not.
    expected = [60] + [15] * (dead - 1) + [30] + [0] * (11 - dead)
    np.testing.assert_array_equal(small_path.n_epochs, expected)
    cold = MLPRegressor(l1=small_path.strengths[1], l2=0.0, learning_rate="cosine",
                        learning_rate_init=0.01, **SMALL | {"max_iter": 15}).fit(X, y)  # fmt: skip
    reached = small_path.loss[1] + small_path.penalty[1]
    assert reached < 0.9 * cold.penalty_breakdown(X, y)["objective"]


def test_the_first_strength_is_a_plain_fit(small_path):
    X, y = curved()
    network = MLPRegressor(l1=1e-3, l2=0.0, learning_rate="cosine", learning_rate_init=0.01,
                           **SMALL).fit(X, y)  # fmt: skip
    for found, expected in zip(small_path.coefs[0], network.coefs_, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_number_of_threads_changes_nothing(small_path):
    X, y = curved()
    again = mlp_path(X, y, l1s=small_path.strengths, n_jobs=2, **SMALL)
    np.testing.assert_array_equal(again.loss, small_path.loss)
    assert np.isnan(again.validation_score).all()
    for found, expected in zip(again.coefs, small_path.coefs, strict=True):
        np.testing.assert_array_equal(found[0], expected[0])


def test_paths_can_be_pickled(small_path):
    again = pickle.loads(pickle.dumps(small_path))
    np.testing.assert_array_equal(again.penalty, small_path.penalty)
    np.testing.assert_array_equal(again.coefs[3][0], small_path.coefs[3][0])


def test_group_and_dropout_paths():
    X, y = curved()
    path = mlp_path(X, y, group_l1s=[1e-3, 0.02], **SMALL)
    assert path.axis == "group_l1" and path.active_features[1].tolist() == [0, 1]
    path = mlp_path(X, y, dropouts=3, **SMALL)
    np.testing.assert_allclose(path.strengths, [0.0, 0.4, 0.8])
    assert path.penalty.tolist() == [0, 0, 0] and path.loss[2] > path.loss[0]


def test_rows_of_weight_zero_change_nothing():
    X, y = curved()
    weight = (np.arange(y.size) % 2).astype(float)
    parameters = {**SMALL, "l1s": 3, "shuffle": False, "max_iter": 8}
    weighted = mlp_path(X, y, sample_weight=weight, **parameters)
    part = mlp_path(X[1::2], y[1::2], **parameters)
    np.testing.assert_allclose(weighted.strengths, part.strengths, rtol=1e-12)
    np.testing.assert_allclose(weighted.loss, part.loss, rtol=1e-9)


def test_single_precision_stays():
    X, y = curved()
    path = mlp_path(X.astype(np.float32), y, l1s=2, **SMALL)
    assert path.coefs[0][0].dtype == path.intercepts[1][0].dtype == np.float32


# Estimators.


@pytest.mark.filterwarnings("ignore:At l1=0.1:sklearn.exceptions.ConvergenceWarning")
def test_estimators_suit_the_targets():
    X, y = curved(60)
    short = {"hidden_layer_sizes": (2,), "max_iter": 2, "l1s": [0.1], "random_state": 0}
    scores = mlp_path(X, np.digitize(y, [-0.5, 0.5]), X_val=X, y_val=np.digitize(y, [-0.5, 0.5]),
                      **short)  # fmt: skip
    assert scores.coefs[0][1].shape == (2, 3)
    assert mlp_path(X, np.rint(2 * y), **short).coefs[0][1].shape == (2, 1)
    assert mlp_path(X, np.where(y > 0, "a", "b"), **short).coefs[0][1].shape == (2, 1)
    assert mlp_path(X, np.column_stack([y, y]), **short).coefs[0][1].shape == (2, 2)


def test_a_given_estimator_is_cloned_and_scored_its_way():
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    network = MLPClassifier((), solver="lbfgs", l2=0.05, l1=7.0, scoring="neg_log_loss",
                            random_state=0)  # fmt: skip
    path = mlp_path(X[:400], y[:400], l1s=[0.01], estimator=network, X_val=X[400:], y_val=y[400:])
    assert network.l1 == 7.0 and not hasattr(network, "coefs_")
    fitted = network.set_params(l1=0.01).fit(X[:400], y[:400])
    np.testing.assert_allclose(path.coefs[0][0], fitted.coefs_[0])
    expected = log_loss(y[400:], fitted.predict_proba(X[400:]))
    assert path.validation_score[0] == pytest.approx(-expected)
    network.set_params(scoring="loss")
    path = mlp_path(X[:400], y[:400], l1s=[0.01], estimator=network, X_val=X[400:], y_val=y[400:])
    assert path.validation_score[0] == pytest.approx(-expected)


def test_early_stopping_watches_the_validation_rows():
    X, y = curved()
    X_val, y_val = curved(seed=1)
    path = mlp_path(X, y, l1s=[1e-3, 1e-2], X_val=X_val, y_val=y_val, early_stopping=True,
                    n_iter_no_change=2, **SMALL | {"max_iter": 400})  # fmt: skip
    assert (path.n_epochs < [400, 100]).all()


def test_epochs_of_later_strengths():
    X, y = curved(60)
    path = mlp_path(X, y, l2s=[0.01, 0.1], warm_max_iter=3, **SMALL)
    assert path.n_epochs.tolist() == [60, 3]
    network = MLPRegressor((2,), max_iter=4, random_state=0)  # stops by itself, at any strength
    assert mlp_path(X, y, l2s=[0.01, 0.1], estimator=network).n_epochs.tolist() == [4, 4]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"l1s": 3, "l2s": 3}, "l1s and l2s were given, but a path has one axis"),
        ({"l1s": -3}, "l1s=-3 must be at least 1"),
        ({"warm_max_iter": 0}, "warm_max_iter=0 must be an integer of at least 1"),
        ({"warm_max_iter": True}, "warm_max_iter=True must be an integer of at least 1"),
        ({"X_val": np.ones((3, 6))}, "X_val was given without y_val; give both"),
        ({"sample_weight_val": [1.0]}, "sample_weight_val needs X_val and y_val"),
        ({"X_val": np.ones((3, 5)), "y_val": np.ones(3)}, "X_val: X has 5 features"),
        (
            {"X_val": np.ones((3, 6)), "y_val": np.ones(4)},
            "X_val has 3 rows, but y_val has the",
        ),
        ({"hidden_layer_sizes": None}, "'hidden_layer_sizes' parameter .* Got None"),
        ({"solver": "lbfgs", "dropouts": 3}, "dropouts=3 needs the steps of a stochastic solver"),
        ({"solver": "lbfgs", "group_l1s": [0.1]}, r"group_l1s=\[0.1\] needs the steps"),
        ({"solver": "newton"}, "solver"),
    ],
)
def test_bad_arguments(arguments, message, monkeypatch):
    monkeypatch.setattr(BaseMLP, "_run", None)  # nothing is fitted before
    with pytest.raises(ValueError, match=message):
        mlp_path(*curved(50), **arguments)


def test_scores_are_numbers():
    X, y = curved(50)
    with pytest.raises(ValueError, match=r"scoring=.* returned \{'a': 1\}; it must return"):
        mlp_path(X, y, l1s=[1e-3], X_val=X, y_val=y, scoring=lambda *rows: {"a": 1}, **SMALL)


def test_other_estimators_are_refused():
    with pytest.raises(TypeError, match="must be an MLPClassifier or MLPRegressor"):
        mlp_path(*curved(50), estimator=Ridge())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # without the compiler NumPy sees overflows
def test_a_failure_says_at_which_strength():
    X, y = curved(50)
    with pytest.raises(ValueError, match="non-finite") as failure:
        mlp_path(1e6 * X, y, l1s=[0.5], solver="sgd", learning_rate_init=1e6, random_state=0)
    assert failure.value.__notes__ == ["(on the path, at l1=0.5)"]


def test_importances_by_hand():
    nothing = np.zeros(3)
    path = MLPPath(
        axis="l1",
        strengths=np.array([0.1, 0.2, 0.4]),
        coefs=[[np.zeros((5, 1))]] * 3,
        intercepts=[[np.zeros(1)]] * 3,
        n_nonzero=nothing,
        active_features=[np.array([0, 1, 2]), np.array([1]), np.array([1, 4])],
        loss=nothing,
        penalty=nothing,
        validation_score=nothing,
        n_epochs=nothing,
    )
    died_at = feature_importances_from_path(path)
    np.testing.assert_array_equal(died_at, [0.2, np.inf, 0.2, 0.0, np.inf])


def test_validation_labels_must_be_those_of_y():
    X = np.random.default_rng(0).normal(size=(20, 3))
    labels = np.array(["a", "b"])[(X[:, 0] > 0).astype(int)]
    with pytest.raises(ValueError, match=r"y_val has labels that y does not have: \['c'\]"):
        mlp_path(X, labels, l1s=[0.1], X_val=X[:3], y_val=["a", "b", "c"])


@pytest.mark.parametrize("n_outputs", (1, 3))
def test_the_path_of_groups_without_hidden_layers_ends_at_the_group_lasso(n_outputs):
    A, b = load_diabetes(return_X_y=True)
    A, b = scale(A), scale(b)
    noise = np.random.RandomState(0).randn(b.size)
    B = np.c_[b, A[:, 2] + b, noise][:, :n_outputs]
    B = B if n_outputs > 1 else B.ravel()
    path = mlp_path(A, B, group_l1s=6, hidden_layer_sizes=(), random_state=0)
    assert path.strengths.size == 6 and path.n_nonzero[-1] == 0 < path.n_nonzero[-2]
    for strength, (coef,) in zip(path.strengths, path.coefs, strict=True):
        lasso = MultiTaskLasso(strength * np.sqrt(n_outputs), tol=1e-10, max_iter=100_000)
        expected = lasso.fit(A, B.reshape(b.size, n_outputs)).coef_.T
        if strength < path.strengths[-1]:  # at the top, what a peer leaves is rounding
            np.testing.assert_array_equal(coef != 0, expected != 0)
        np.testing.assert_allclose(coef, expected, atol=1e-5)


@pytest.mark.parametrize(
    "given", [{}, {"label_smoothing": 0.3}, {"class_weight": "balanced"}, {"class_weight": {0: 5}}]
)
def test_the_loss_of_validation_rows_is_that_of_their_labels(given):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4))
    y = np.digitize(X[:, 0] + rng.normal(size=90), [-0.5, 1.0])
    own = {"X_val": X[:30], "y_val": y[:30]}
    network = MLPClassifier((4,), scoring="loss", max_iter=50, learning_rate="cosine",
                            learning_rate_init=0.01, random_state=0, **given)  # fmt: skip
    path = mlp_path(X, y, l1s=[0.0, 1e-3], estimator=network, **own)
    for score, coefs, intercepts in zip(
        path.validation_score, path.coefs, path.intercepts, strict=True
    ):
        network.fit(X, y)
        network.coefs_, network.intercepts_ = coefs, intercepts
        assert score == pytest.approx(-log_loss(y[:30], network.predict_proba(X[:30])), rel=1e-12)


def test_weights_of_validation_rows_go_to_scorers_that_take_them():
    X, y = curved(60)
    own = {"X_val": X[:9], "y_val": y[:9], "sample_weight_val": np.arange(9.0)}
    network = MLPRegressor((4,), max_iter=3, random_state=0, scoring="neg_max_error")
    with pytest.warns(UserWarning, match="'neg_max_error' does not accept sample_weight"):
        path = mlp_path(X, y, l2s=[0.01], estimator=network, **own)
    plain = network.set_params(l2=0.01).fit(X, y)
    assert path.validation_score[0] == -abs(plain.predict(X[:9]) - y[:9]).max()
    path = mlp_path(X, y, l2s=[0.01], estimator=network.set_params(scoring="r2"), **own)
    assert path.validation_score[0] == pytest.approx(plain.score(X[:9], y[:9], np.arange(9.0)))


@pytest.mark.parametrize("axis", ["l1s", "group_l1s"])
def test_a_linear_path_in_single_precision_is_empty_from_the_top_on_and_not_before(axis):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 3))
    y = 0.02 * X[:, 0] + rng.normal(size=len(X))  # the gain over no weights is about rounding
    X, y = X - X.mean(axis=0), y - y.mean()
    shares = [0.8, 0.9, 0.95, 0.99, 1.001, 1.5]
    strengths = np.abs(X.T @ y / len(X)).max() * np.array(shares)
    path = mlp_path(X, y, hidden_layer_sizes=(), dtype=np.float32, **{axis: strengths})
    assert path.n_nonzero.tolist() == [1, 1, 1, 1, 0, 0]
    assert path.n_epochs[-1] == 0


@pytest.mark.parametrize("given", [{"feature_penalty": [1, 0, 1]}, {"l2_anchor": 100.0}], ids=str)
def test_weights_that_no_strength_zeroes_stay(given):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 3))
    y = X[:, 1] + rng.normal(size=len(X))
    path = mlp_path(X, y, l1s=[0.01, 0.1, 10.0], hidden_layer_sizes=(), random_state=0, **given)
    assert path.n_nonzero[-1] >= 1


@pytest.mark.parametrize("given", [
    {"solver": "sgd", "learning_rate": "cosine", "max_iter": 100, "learning_rate_init": 0.01},
    {"solver": "adam", "max_iter": 60},
    {"early_stopping": True, "solver": "adam", "max_iter": 60},
    {},
])  # fmt: skip
def test_linear_paths_end_without_weights_and_without_a_warning_of_the_path(given, recwarn):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8))
    y = 2 * X[:, 0] - X[:, 1] + 0.5 * rng.normal(size=300)
    path = mlp_path(X, y * (1e-4 if not given else 1), l1s=8, hidden_layer_sizes=(),
                    random_state=0, **given)  # fmt: skip
    assert path.n_nonzero[-1] == 0
    assert not any("far from its end" in str(warned.message) for warned in recwarn)


@pytest.mark.parametrize("make_sparse", [sp.csr_matrix, sp.csr_array])
def test_sparse_indicators_are_labels(make_sparse):
    X, y = curved()
    indicators = np.c_[X[:, 0] > 0, y > 0].astype(int)
    found = [mlp_path(X, Y, l1s=[1e-3], **SMALL) for Y in (indicators, make_sparse(indicators))]
    np.testing.assert_array_equal(found[1].coefs[0][0], found[0].coefs[0][0])


LBFGS = {"solver": "lbfgs", "tol": 1e-6, "max_iter": 1000}
ANNEALED = {"learning_rate": "cosine", "learning_rate_init": 0.01, "max_iter": 100}
POLISHED = ANNEALED | {"learning_rate_init": 0.05, "max_iter": 400, "polish": 1000}


@pytest.mark.parametrize(
    "axis, given, expected",
    [
        ("l1", {"hidden_layer_sizes": ()}, LBFGS),
        ("l2", {"hidden_layer_sizes": ()}, LBFGS),
        ("l1", {"hidden_layer_sizes": (), "solver": "adam"}, ANNEALED),
        ("group_l1", {"hidden_layer_sizes": ()}, POLISHED),
        ("group_l1", {"hidden_layer_sizes": (4,)}, ANNEALED),
        ("l1", {}, ANNEALED),
    ],
)
@pytest.mark.parametrize(
    "kind, y", [(MLPRegressor, [0.5, 1.0, 2.5]), (MLPRegressor, [0.0, 1.0, 2.0]),
                (MLPClassifier, [0, 1, 2]), (MLPClassifier, [0.0, 1.0, 1.0])],
)  # fmt: skip
def test_the_network_where_none_is_given(axis, given, expected, kind, y):
    found = default_estimator(axis, np.array(y), given)
    assert type(found) is kind
    assert found.get_params() == kind(l2=0.0, **expected).get_params()
