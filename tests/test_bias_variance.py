"""Bias and variance: identities, closed forms, counts by hand, and every kind of input."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_digits, make_multilabel_classification
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skreg import MLPClassifier, MLPRegressor
from skreg._bias_variance import squared_error_terms, zero_one_terms
from skreg.inspection import bias_variance

# Older releases of scikit-learn call newer ones of SciPy in a way that these announce to drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*options of the L-BFGS-B:DeprecationWarning")

FIELDS = ("error", "bias", "variance", "variance_unbiased", "variance_biased")


def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return scale(X), scale(y)


def few_digits():
    X, y = load_digits(return_X_y=True)
    return X[:400] / 16, y[:400]


def same(first, second):
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in FIELDS)


# By hand.


def test_zero_one_terms_of_two_classes_by_hand():
    # Three samples predict four rows of class 1: all right, one stray, two strays, all wrong.
    predictions = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0]])[:, None, :, None]
    error, bias, variance, unbiased, biased = zero_one_terms(predictions, np.ones((4, 1), int))
    assert error == pytest.approx([(0 + 1 / 3 + 2 / 3 + 1) / 4])
    assert bias == pytest.approx([2 / 4])
    assert variance == pytest.approx([(0 + 1 / 3 + 1 / 3 + 0) / 4])
    assert unbiased == pytest.approx([1 / 3 / 4])
    assert biased == pytest.approx([1 / 3 / 4])


def test_zero_one_terms_of_three_classes_by_hand():
    # Of five samples, three predict class 2; only one of the two others is right.
    predictions = np.array([2, 2, 2, 1, 0])[:, None, None, None]
    terms = zero_one_terms(predictions, np.array([[1]]))
    expected = [4 / 5, 1, 2 / 5, 0, 1 / 5]
    np.testing.assert_allclose(terms, np.array(expected)[:, None])


def test_of_equally_frequent_classes_the_first_is_the_main_prediction():
    predictions = np.array([2, 1, 2, 1])[:, None, None, None]
    assert zero_one_terms(predictions, np.array([[1]]))[1] == [0]
    assert zero_one_terms(predictions, np.array([[2]]))[1] == [1]


def test_squared_error_terms_by_hand():
    predictions = np.array([[1.0, 2.0], [3.0, 2.0]])[:, None, :, None]
    terms = squared_error_terms(predictions, np.array([[1.0], [5.0]]))
    np.testing.assert_allclose(np.ravel(terms), [(0 + 4 + 9 + 9) / 4, (1 + 9) / 2, 0.5, 0.5, 0])


class Majority(ClassifierMixin, BaseEstimator):
    """Predict the class that most rows have, the smaller one of two that are as frequent."""

    def fit(self, X, y):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.majority_ = self.classes_[counts.argmax()]
        return self

    def predict(self, X):
        return np.full(len(X), self.majority_)


def test_majority_vote_by_hand():
    # 3 of 5 rows are "b": a sample that holds both says "b" where at least 3 of its draws do.
    X, y = np.zeros((5, 1)), np.array(["a", "b", "b", "a", "b"])
    p = np.array([10 * 0.6**3 * 0.4**2, 5 * 0.6**4 * 0.4, 0.6**5, 10 * 0.6**2 * 0.4**3,
                  5 * 0.6 * 0.4**4])  # fmt: skip
    says_b = (p[0] + p[1]) / (p[0] + p[1] + p[3] + p[4])
    result = bias_variance(
        Majority(), X, y, X_test=np.zeros((4, 1)), y_test=["b", "b", "b", "a"],
        n_bootstraps=2000, random_state=0,
    )  # fmt: skip
    margin = 4 * np.sqrt(says_b * (1 - says_b) / 2000)
    assert result.bias == [0.25]
    assert result.variance == pytest.approx([1 - says_b], abs=margin)
    assert result.error == pytest.approx([0.75 * (1 - says_b) + 0.25 * says_b], abs=margin)
    assert result.variance_biased == pytest.approx(result.variance / 4)


class FirstTarget(RegressorMixin, BaseEstimator):
    """Predict the first target of the training rows: one draw from all of them."""

    def fit(self, X, y):
        self.first_ = y[0]
        return self

    def predict(self, X):
        return np.full(len(X), self.first_)


def test_a_single_draw_has_the_variance_of_the_targets():
    X, y = np.zeros((4, 1)), np.array([0.0, 1.0, 2.0, 5.0])
    result = bias_variance(
        FirstTarget(), X, y, X_test=X[:1], y_test=[3.0], n_bootstraps=2500, random_state=0
    )
    assert result.bias == pytest.approx([1.0], abs=0.2)
    assert result.variance == pytest.approx([y.var()], abs=0.3)


# Ridge regression, whose fits have a closed form.


def ridge_twin(X, y, X_test, y_test, alpha, n_bootstraps):
    """Return bias and variance of ridge regression over samples of NumPy's own."""
    rng, predictions = np.random.default_rng(1), []
    for _ in range(n_bootstraps):
        index = rng.integers(len(y), size=len(y))
        centre, mean = X[index].mean(axis=0), y[index].mean()
        A, b = X[index] - centre, y[index] - mean
        coef = np.linalg.solve(A.T @ A + alpha * np.eye(X.shape[1]), A.T @ b)
        predictions.append((X_test - centre) @ coef + mean)
    predictions = np.array(predictions)
    return ((predictions.mean(axis=0) - y_test) ** 2).mean(), predictions.var(axis=0).mean()


def test_ridge_regression_is_that_of_numpy():
    X, X_test, y, y_test = train_test_split(*diabetes(), test_size=0.5, random_state=0)
    result = bias_variance(
        Ridge(), X, y, param_name="alpha", param_range=[1.0, 100.0, 1e4], X_test=X_test,
        y_test=y_test, n_bootstraps=400, random_state=0,
    )  # fmt: skip
    expected = np.array([ridge_twin(X, y, X_test, y_test, a, 400) for a in result.param_range])
    np.testing.assert_allclose(result.bias, expected[:, 0], rtol=0.01)
    np.testing.assert_allclose(result.variance, expected[:, 1], rtol=0.1)


def test_a_network_without_hidden_layers_is_ridge_regression():
    X, y = diabetes()
    split = {"X_test": X[100:], "y_test": y[100:], "n_bootstraps": 10, "random_state": 3}
    strengths = [0.01, 0.1, 1.0]
    network = MLPRegressor((), solver="lbfgs", tol=1e-9)
    result = bias_variance(
        network, X[:100], y[:100], param_name="l2", param_range=strengths, **split
    )
    alphas = [100 * strength for strength in strengths]
    expected = bias_variance(
        Ridge(), X[:100], y[:100], param_name="alpha", param_range=alphas, **split
    )
    np.testing.assert_allclose(result.bias, expected.bias, rtol=1e-5)
    np.testing.assert_allclose(result.variance, expected.variance, rtol=1e-4)


# Identities.


@pytest.mark.parametrize(
    "estimator, data, name, values",
    [
        (Ridge(), diabetes, "alpha", [0.1, 10.0, 1000.0]),
        (DecisionTreeRegressor(), diabetes, "max_depth", [1, 3, None]),
        (KNeighborsClassifier(), few_digits, "n_neighbors", [1, 5, 50]),
        (DecisionTreeClassifier(), few_digits, "max_depth", [1, 3, None]),
        (MLPClassifier((8,), max_iter=20), few_digits, "l2", [0.0, 1e-2]),
    ],
)
def test_the_parts_add_up_to_the_error(estimator, data, name, values):
    X, y = data()
    result = bias_variance(
        estimator, X, y, param_name=name, param_range=values, n_bootstraps=7, random_state=0
    )
    assert result.param_name == name and result.param_range == values
    assert all(getattr(result, field).shape == (len(values),) for field in FIELDS)
    np.testing.assert_allclose(result.error, result.bias + result.net_variance, atol=1e-12)
    assert np.all(result.variance > 0) and np.all(result.variance_biased >= 0)
    if result.loss == "squared_error":
        np.testing.assert_array_equal(result.net_variance, result.variance)
        np.testing.assert_allclose(result.error, result.bias + result.variance, atol=1e-12)


def test_two_classes_share_the_variance_between_right_and_wrong_rows():
    X, y = few_digits()
    result = bias_variance(DecisionTreeClassifier(max_depth=2), X, y % 2, random_state=0)
    total = result.variance_unbiased + result.variance_biased
    np.testing.assert_allclose(total, result.variance, atol=1e-12)
    assert result.variance_biased[0] > 0.01


def test_strong_l2_trades_variance_for_bias():
    X, y = diabetes()
    result = bias_variance(
        MLPRegressor((20,), solver="lbfgs", max_iter=30), X[:200], y[:200], param_name="l2",
        param_range=[1e-4, 3.0], n_bootstraps=8, random_state=0,
    )  # fmt: skip
    assert result.variance[1] < 0.1 * result.variance[0]
    assert result.bias[1] > result.bias[0] > 0


# Reproducible and paired.


def test_the_same_for_any_number_of_threads():
    X, y = few_digits()
    network = MLPClassifier((8,), max_iter=10, dropout=0.2)
    options = {"param_name": "l2", "param_range": [0.0, 0.1], "n_bootstraps": 4}
    first, second = (
        bias_variance(network, X, y, random_state=5, n_jobs=n_jobs, **options) for n_jobs in (1, 2)
    )
    assert same(first, second)
    assert not same(first, bias_variance(network, X, y, random_state=6, **options))


def test_every_value_sees_the_same_samples_and_starting_weights():
    X, y = few_digits()
    result = bias_variance(
        MLPClassifier((8,), max_iter=5), X, y, param_name="l2", param_range=[0.1, 0.1],
        n_bootstraps=4, random_state=0,
    )  # fmt: skip
    assert result.error[0] == result.error[1] and result.variance[0] == result.variance[1]


class Lottery(RegressorMixin, BaseEstimator):
    """Predict a number drawn from a seed."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.draw_ = np.random.RandomState(self.random_state).normal()
        return self

    def predict(self, X):
        return np.full(len(X), self.draw_)


def test_an_own_random_state_is_no_part_of_the_variance():
    X, y = diabetes()
    assert bias_variance(Lottery(7), X, y, random_state=0).variance == pytest.approx([0], abs=1e-25)
    first, second = (bias_variance(Lottery(), X, y, random_state=0) for _ in range(2))
    assert first.variance == second.variance > 0.3


def test_estimators_as_values_get_seeds_too_and_are_not_touched():
    X, y = diabetes()
    values = [Lottery(), MLPRegressor((2,), max_iter=1)]
    options = {"param_name": "lottery", "param_range": values, "n_bootstraps": 3}
    first, second = (
        bias_variance(make_pipeline(StandardScaler(), Lottery()), X, y, random_state=0, **options)
        for _ in range(2)
    )
    assert same(first, second)
    assert values[0].random_state is None and not hasattr(values[0], "draw_")


def test_the_estimator_is_not_touched():
    X, y = diabetes()
    ridge = Ridge(alpha=3.0)
    bias_variance(ridge, X, y, param_name="alpha", param_range=[1.0], n_bootstraps=2)
    assert ridge.alpha == 3.0 and not hasattr(ridge, "coef_")


def test_without_a_parameter_the_estimator_is_taken_as_it_is():
    X, y = diabetes()
    plain = bias_variance(Ridge(alpha=10.0), X, y, random_state=0)
    assert plain.param_name is None and plain.param_range is None
    asked = bias_variance(
        Ridge(), X, y, param_name="alpha", param_range=[10.0, 1.0], random_state=0
    )
    for field in FIELDS:
        assert getattr(plain, field) == getattr(asked, field)[:1]


# Kinds of input.


def test_sparse_rows_lists_and_frames_give_the_same():
    pd = pytest.importorskip("pandas")
    X, y = few_digits()
    model = make_pipeline(StandardScaler(with_mean=False), KNeighborsClassifier())
    options = {"param_name": "kneighborsclassifier__n_neighbors", "param_range": [1, 9]}
    options |= {"n_bootstraps": 3, "random_state": 0}
    expected = bias_variance(model, X, y, **options)
    frame = pd.DataFrame(X, columns=[f"pixel {place}" for place in range(64)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # names get lost nowhere
        assert same(expected, bias_variance(model, frame, pd.Series(y), **options))
    assert same(expected, bias_variance(model, X.tolist(), y.tolist(), **options))
    for kind in (sp.csr_matrix, sp.csc_matrix, sp.coo_matrix):
        result = bias_variance(model, kind(X), y, **options)
        np.testing.assert_allclose(result.error, expected.error)


def test_labels_may_be_strings():
    X, y = few_digits()
    names = np.array([f"digit {label}" for label in range(10)])
    numbers = bias_variance(DecisionTreeClassifier(), X, y, random_state=0, n_bootstraps=3)
    for labels in (names[y], names[y].astype(object), names[y].tolist()):
        assert same(numbers, bias_variance(DecisionTreeClassifier(), X, labels, random_state=0,
                                           n_bootstraps=3))  # fmt: skip


def test_several_outputs_are_averaged_and_labels_count_by_themselves():
    X, y = diabetes()
    both = np.column_stack([y, X[:, 0] ** 2])
    options = {"n_bootstraps": 5, "random_state": 0}
    result = bias_variance(KNeighborsRegressor(), X, both, **options)
    single = [bias_variance(KNeighborsRegressor(), X, column, **options) for column in both.T]
    np.testing.assert_allclose(result.error, np.mean([one.error for one in single], axis=0))
    X, y = make_multilabel_classification(200, random_state=0)
    split = {"X_test": X[100:], "y_test": y[100:], **options}
    result = bias_variance(KNeighborsClassifier(), X[:100], y[:100], **split)
    assert result.error == pytest.approx(result.bias + result.net_variance)
    assert 0.05 < result.error < 0.5


def test_a_sample_that_misses_a_class_is_drawn_again():
    X, y = np.arange(16.0).reshape(8, 2), np.array([0] * 7 + [1])
    result = bias_variance(  # which refuses to learn from one class
        LogisticRegression(), X, y, X_test=X, y_test=y, n_bootstraps=20, random_state=0
    )
    assert result.error < 0.5


def test_a_rare_class_is_split_without_strata():
    X, y = few_digits()
    y = np.where(np.arange(400) == 0, 99, y % 2)
    result = bias_variance(DecisionTreeClassifier(), X, y, random_state=0, n_bootstraps=2)
    assert result.error < 0.5


# Errors.


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"n_bootstraps": 1}, "n_bootstraps=1 shows no variance"),
        ({"n_bootstraps": 3.0}, "n_bootstraps=3.0 is not an int"),
        ({"param_name": "alpha", "param_range": 1.0}, r"param_range=1.0 is .* list, \[1.0\] for"),
        ({"param_name": "solver", "param_range": "svd"}, "param_range='svd' is a single value"),
        ({"X_test": np.ones((3, 10)), "y_test": np.ones((3, 2))}, "y_test has 2 outputs and y has"),
        ({"X_test": np.ones((2, 10)), "y_test": [1.0, np.nan]}, "y_test contains NaN"),
        ({"y": sp.csr_matrix(np.ones((442, 2)))}, r"y is sparse; .* y.toarray\(\)"),
        ({"param_name": "alpha"}, "param_name='alpha' and param_range=None go together"),
        ({"param_range": [1.0]}, r"param_name=None and param_range=\[1.0\] go together"),
        ({"param_name": "alpha", "param_range": []}, "param_range is empty"),
        ({"X_test": [[1.0]]}, "y_test is missing"),
        ({"y_test": [1.0]}, "X_test is missing"),
        ({"param_name": "beta", "param_range": [1.0]}, "Invalid parameter 'beta'"),
        ({"estimator": KMeans()}, r"estimator=KMeans\(\) is neither"),
        ({"y": [1.0]}, "inconsistent numbers of samples"),
    ],
)
def test_errors_name_what_is_wrong(changes, message):
    X, y = diabetes()
    with pytest.raises(ValueError, match=message):
        bias_variance(**({"estimator": Ridge(), "X": X, "y": y} | changes))


def test_a_class_too_rare_for_the_samples_is_an_error():
    X, y = np.zeros((60, 1)), np.arange(60)
    with pytest.raises(ValueError, match="holds all 60 classes"):
        bias_variance(Majority(), X, y, X_test=X, y_test=y, n_bootstraps=2, random_state=0)
