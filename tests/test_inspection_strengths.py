"""Displays of paths, searches, bias and variance, and bands: values, labels, choices, errors."""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, scale

from skreg import MLPClassifier, MLPRegressor, MLPRegressorCV, mlp_path
from skreg.inspection import (
    BiasVarianceDisplay,
    RegularizationPathDisplay,
    UncertaintyDisplay,
    bias_variance,
)
from tests.test_inspection import (
    close_figures,
    corners,
    diabetes,
    iris,
    legend,
    path,
    plt,
    pytestmark,
    regressor,
)

__all__ = ["close_figures", "path", "pytestmark", "regressor"]  # fixtures and marks


@pytest.fixture(scope="module")
def search():
    return MLPRegressorCV((), l1s=[0.01, 0.1, 0.3], l2s=[0.0, 0.1], solver="lbfgs", cv=3).fit(
        *diabetes()
    )


# Paths and searches.


def test_the_path_shows_weights_scores_and_the_choice(path):
    names = list("abcdefghij")
    display = RegularizationPathDisplay.from_path(path, kind="weights", feature_names=names)
    weights = np.array([coefs[0][:, 0] for coefs in path.coefs])
    for place, line in enumerate(display.lines_):
        np.testing.assert_array_equal(line.get_xdata(), path.strengths)
        np.testing.assert_array_equal(line.get_ydata(), weights[:, place])
    np.testing.assert_array_equal(display.score_line_.get_ydata(), path.validation_score)
    best = path.strengths[np.argmax(path.validation_score)]
    assert list(display.chosen_line_.get_xdata()) == [best, best]
    assert display.ax_.get_xscale() == "log" and display.score_ax_ is not display.ax_
    strongest = np.argsort(-abs(weights[0]))[:6]
    assert [label.get_text() for label in display.labels_] == [names[place] for place in strongest]
    for label, place in zip(display.labels_, strongest, strict=True):
        assert label.get_color() == display.lines_[place].get_color()


def test_norms_of_features_along_a_path_with_hidden_units():
    X, y = iris()
    path = mlp_path(X, y, l1s=[1e-3, 1e-2, 0.1], hidden_layer_sizes=(4,), max_iter=8,
                    random_state=0)  # fmt: skip
    display = RegularizationPathDisplay.from_path(path, n_named=2)
    for place, coefs in enumerate(path.coefs):
        drawn = [line.get_ydata()[place] for line in display.lines_]
        np.testing.assert_allclose(drawn, np.sqrt((coefs[0] ** 2).sum(axis=1)))
    assert len(display.labels_) == 2
    assert display.score_ax_ is display.chosen_line_ is None  # nothing was validated
    display = RegularizationPathDisplay.from_path(path, kind="weights")
    assert len(display.lines_) == 16
    assert display.labels_[0].get_text().partition(", unit ")[0] in ("x0", "x1", "x2", "x3")


def test_names_stand_to_the_left_of_the_weakest_strength(path):
    names = [f"a rather long name {place}" for place in range(10)]
    for width in (3, 6):
        ax = plt.figure(figsize=(width, 3), layout="constrained").subplots()
        display = RegularizationPathDisplay.from_path(path, feature_names=names, ax=ax)
        display.figure_.canvas.draw()
        weakest = ax.transData.transform((path.strengths[0], 0))[0]
        assert all(label.get_window_extent().x1 <= weakest for label in display.labels_)
        if width == 6:
            left = min(label.get_window_extent().x0 for label in display.labels_)
            assert ax.get_window_extent().x0 <= left


def test_of_equal_scores_the_strongest_is_marked(path):
    flat = path._replace(validation_score=np.full(8, 0.5))
    assert RegularizationPathDisplay.from_path(flat).chosen == path.strengths[-1]


def test_scores_of_a_search_along_one_axis(search):
    display = RegularizationPathDisplay.from_estimator(search)
    table, best = search.cv_results_, search.best_params_
    places = [i for i, params in enumerate(table["params"]) if params["l2"] == best["l2"]]
    splits = np.column_stack([table[f"split{k}_test_score"][places] for k in range(3)])
    assert display.axis == "l1" and display.score_ax_ is display.ax_ and not display.lines_
    np.testing.assert_array_equal(display.score_line_.get_xdata(), [0.01, 0.1, 0.3])
    np.testing.assert_allclose(display.score_line_.get_ydata(), splits.mean(axis=1))
    errors = splits.std(axis=1, ddof=1) / np.sqrt(3)
    lower, upper = corners(display.score_band_)
    np.testing.assert_allclose(lower, splits.mean(axis=1) - errors)
    np.testing.assert_allclose(upper, splits.mean(axis=1) + errors)
    assert list(display.chosen_line_.get_xdata()) == [best["l1"]] * 2
    other = RegularizationPathDisplay.from_estimator(search, axis="l2")
    np.testing.assert_array_equal(other.strengths, [0.0, 0.1])
    piped = RegularizationPathDisplay.from_estimator(make_pipeline(StandardScaler(), search))
    np.testing.assert_array_equal(piped.scores, display.scores)
    scaled = TransformedTargetRegressor(search, transformer=StandardScaler())
    scaled = RegularizationPathDisplay.from_estimator(scaled.fit(*diabetes()))
    np.testing.assert_allclose(scaled.scores, display.scores, atol=0.01)


def test_scores_of_a_grid_search_over_a_pipeline():
    X, y = diabetes()
    pipeline = make_pipeline(StandardScaler(), Ridge())
    grid = {"ridge__alpha": [100.0, 0.0, 1.0], "ridge__fit_intercept": [True, False]}
    for scoring, refit in (("r2", True), (["r2", "neg_max_error"], "r2")):
        search = GridSearchCV(pipeline, grid, scoring=scoring, refit=refit).fit(X, y)
        display = RegularizationPathDisplay.from_estimator(search, axis="alpha")
        assert display.axis == "alpha" and display.ax_.get_xscale() == "symlog"
        np.testing.assert_array_equal(display.strengths, [0.0, 1.0, 100.0])
        name = "score" if refit is True else "r2"
        assert display.ax_.get_ylabel() == "mean test r2\n± standard error"
        assert display.scores.max() == pytest.approx(
            search.cv_results_[f"mean_test_{name}"].max(), rel=1e-9
        )


def test_paths_that_cannot_be_drawn_are_refused(path, search, regressor):
    with pytest.raises(ValueError, match="kind='units' is unknown"):
        RegularizationPathDisplay.from_path(path, kind="units")
    with pytest.raises(ValueError, match="feature_names has 1 names, but the path has 10"):
        RegularizationPathDisplay.from_path(path, feature_names=["a"])
    with pytest.raises(TypeError, match="but got MLPRegressorCV; a fitted search goes to"):
        RegularizationPathDisplay.from_path(search)
    with pytest.raises(TypeError, match="but got an MLPPath; .* goes to from_path") as refused:
        RegularizationPathDisplay.from_estimator(path)
    assert len(str(refused.value)) < 150
    with pytest.raises(ValueError, match="MLPRegressor has no cv_results_"):
        RegularizationPathDisplay.from_estimator(regressor)
    with pytest.raises(NotFittedError):
        RegularizationPathDisplay.from_estimator(MLPRegressorCV())
    with pytest.raises(ValueError, match=r"axis='dropout' was not searched; .*\['l1', 'l2'\]"):
        RegularizationPathDisplay.from_estimator(search, axis="dropout")
    sizes = {"hidden_layer_sizes": [(2,), (3,)]}
    other = GridSearchCV(MLPClassifier(max_iter=2), sizes, cv=2).fit(*iris())
    with pytest.raises(ValueError, match=r"values that are not numbers, such as \(2,\)"):
        RegularizationPathDisplay.from_estimator(other)


# Bias and variance.


def test_the_lines_are_the_parts_of_the_error():
    X, y = diabetes()
    result = bias_variance(
        Ridge(), X, y, param_name="alpha", param_range=[1e4, 0.0, 10.0, 100.0], n_bootstraps=3,
        random_state=0,
    )  # fmt: skip
    display = BiasVarianceDisplay(result).plot()
    order = [1, 2, 3, 0]
    np.testing.assert_array_equal(display.lines_["error"].get_xdata(), [0, 10, 100, 1e4])
    for name in ("error", "bias", "variance"):
        drawn = display.lines_[name].get_ydata()
        np.testing.assert_array_equal(drawn, getattr(result, name)[order])
    assert display.ax_.get_xscale() == "symlog"
    best = result.param_range[np.argmin(result.error)]
    assert list(display.best_line_.get_xdata()) == [best, best]
    assert legend(display) == ["error", "bias²", "variance"]


def test_the_net_variance_of_a_classifier_is_drawn():
    X, y = iris()
    display = BiasVarianceDisplay.from_estimator(
        LogisticRegression(), X, y, param_name="C", param_range=[1e-3, 1e-1], n_bootstraps=5,
        random_state=0,
    )  # fmt: skip
    lines = {name: line.get_ydata() for name, line in display.lines_.items()}
    np.testing.assert_allclose(lines["error"], lines["bias"] + lines["variance"], atol=1e-12)
    assert legend(display) == ["error", "bias", "net variance"]
    assert display.ax_.get_ylabel() == "share of wrong predictions"


@pytest.mark.parametrize("has_test_rows", [True, False])
def test_what_is_drawn_is_what_bias_variance_returns(has_test_rows):
    X, y = diabetes()
    given = {"param_name": "alpha", "param_range": [0.1, 10.0], "n_bootstraps": 3, "n_jobs": 1,
             "random_state": 1}  # fmt: skip
    given |= {"X_test": X[:30], "y_test": y[:30]} if has_test_rows else {"test_size": 0.2}
    display = BiasVarianceDisplay.from_estimator(Ridge(), X, y, **given)
    expected = bias_variance(Ridge(), X, y, **given)
    np.testing.assert_array_equal(display.result.error, expected.error)
    np.testing.assert_array_equal(display.lines_["bias"].get_ydata(), expected.bias)


@pytest.mark.parametrize("size", [(6.4, 4.8), (3, 3.2)])
def test_legends_cover_no_data_and_leave_limits_automatic(size, regressor):
    X, y = diabetes()
    figure, (left, right) = plt.subplots(2, figsize=(size[0], 2 * size[1]), layout="constrained")
    UncertaintyDisplay.from_estimator(regressor, X, feature=2, y=y, ax=left)
    BiasVarianceDisplay.from_estimator(
        Ridge(), X, y, param_name="alpha", param_range=[0.0, 1.0, 1e5], n_bootstraps=2, ax=right
    )
    figure.canvas.draw()
    for ax in (left, right):
        highest = max([line.get_ydata().max() for line in ax.lines[:-1]] + [y.max()] * (ax is left))
        top = ax.transData.transform((0, highest))[1]
        assert top < ax.get_legend().get_window_extent().y0
        assert ax.get_window_extent().containsx(ax.get_legend().get_window_extent().x0)
        ax.plot([1, 2], [50, -50])
        assert ax.get_ylim()[0] < -50 and ax.get_ylim()[1] > 50


def test_values_that_are_not_numbers_become_labels():
    X, y = diabetes()
    display = BiasVarianceDisplay.from_estimator(
        make_pipeline(Ridge()), X, y, param_name="ridge__fit_intercept", param_range=[True, False],
        n_bootstraps=2,
    )  # fmt: skip
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == ["True", "False"]
    assert display.ax_.get_xlabel().startswith("fit_intercept\n(dotted: smallest error, ")


@pytest.mark.parametrize(
    "name, values, labels",
    [
        ("hidden_layer_sizes", [(), (3,), (4, 4)], ["()", "(3,)", "(4, 4)"]),
        ("l1", np.array([[0.0, 0.0], [0.5, 0.0]]), ["[0. 0.]", "[0.5 0. ]"]),
        ("shuffle", np.array([False, True]), ["False", "True"]),
        ("hidden_layer_sizes", [[1], [2, 2]], ["[1]", "[2, 2]"]),
    ],
)
def test_tuples_lists_arrays_and_booleans_are_values_with_labels(name, values, labels):
    X, y = diabetes()
    network = MLPRegressor((3,), max_iter=2)
    display = BiasVarianceDisplay.from_estimator(
        network, X, y, param_name=name, param_range=values, n_bootstraps=2, random_state=0
    )
    ticks = display.ax_.get_xticklabels()
    assert [tick.get_text() for tick in ticks] == labels
    assert {tick.get_rotation() for tick in ticks} == {0}
    best = labels[np.argmin(display.result.error)]
    assert display.ax_.get_xlabel() == f"{name}\n(dotted: smallest error, {best})"


def test_long_labels_are_slanted_and_on_one_line():
    values = [StandardScaler(with_mean=False, with_std=False, copy=bool(k % 2)) for k in range(5)]
    result = bias_variance(
        make_pipeline(StandardScaler(), Ridge()), *diabetes(), param_name="standardscaler",
        param_range=values, n_bootstraps=2, random_state=0,
    )  # fmt: skip
    ticks = BiasVarianceDisplay(result).plot().ax_.get_xticklabels()
    assert {tick.get_rotation() for tick in ticks} == {30}
    assert ticks[0].get_text() == "StandardScal…h_std=False)"


def test_without_a_parameter_there_is_nothing_to_draw_against():
    result = bias_variance(Ridge(), *diabetes(), n_bootstraps=2)
    with pytest.raises(ValueError, match="call bias_variance with param_name"):
        BiasVarianceDisplay(result).plot()


# Uncertainty.


def test_bands_hold_their_share_of_the_draws(regressor):
    X, y = diabetes()
    display = UncertaintyDisplay.from_estimator(
        regressor, X, feature=2, y=y, n_draws=50, coverage=(0.5, 0.9), random_state=3
    )
    rows = np.tile(np.median(X, axis=0), (200, 1))
    rows[:, 2] = np.linspace(X[:, 2].min(), X[:, 2].max(), 200)
    draws = regressor.sample_predictions(rows, 50, random_state=3)[..., 0]
    np.testing.assert_array_equal(display.draws, draws)
    np.testing.assert_array_equal(display.line_.get_xdata(), rows[:, 2])
    np.testing.assert_allclose(display.line_.get_ydata(), draws.mean(axis=0))
    for band, limits in zip(display.bands_, ((0.05, 0.95), (0.25, 0.75)), strict=True):
        np.testing.assert_allclose(corners(band), np.quantile(draws, limits, axis=0), rtol=1e-6)
    np.testing.assert_array_equal(display.points_.get_offsets(), np.column_stack([X[:, 2], y]))
    assert legend(display) == ["data", "90% of the draws", "50% of the draws", "mean"]
    assert display.ax_.get_xlabel() == "x2\n(other features at their medians)"
    assert display.ax_.get_ylabel() == "prediction"


def test_one_dimension_is_one_feature_and_the_grid_may_be_given():
    X = np.linspace(-1, 1, 60)
    network = MLPRegressor((10,), dropout=0.2, max_iter=5, random_state=0)
    network.fit(X.reshape(-1, 1), X**2)
    display = UncertaintyDisplay.from_estimator(network, X, coverage=0.8)
    assert display.ax_.get_xlabel() == "x0"
    assert display.points_ is None and len(display.bands_) == 1
    assert display.grid[0] == -1 and display.grid[-1] == 1 and display.grid.size == 200
    display = UncertaintyDisplay.from_estimator(network, X, grid=[2.0, -2.0, 0.0], n_draws=20)
    np.testing.assert_array_equal(display.line_.get_xdata(), [-2, 0, 2])


def test_steps_before_the_network_and_transformed_targets_are_passed_through():
    X, y = load_diabetes(return_X_y=True, as_frame=False)
    network = MLPRegressor((20,), dropout=0.2, max_iter=20, random_state=0)
    plain = make_pipeline(StandardScaler(), network).fit(X, scale(y))
    model = TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=None,
                                       func=lambda z: (z - y.mean()) / y.std(),
                                       inverse_func=lambda z: z * y.std() + y.mean())  # fmt: skip
    options = {"feature": 2, "n_draws": 20, "random_state": 0}
    inner = UncertaintyDisplay.from_estimator(plain, X, **options).draws
    outer = UncertaintyDisplay.from_estimator(model.fit(X, y), X, **options).draws
    np.testing.assert_allclose(outer, inner * y.std() + y.mean(), rtol=1e-6)
    rows = np.tile(np.median(X, axis=0), (200, 1))
    rows[:, 2] = np.linspace(X[:, 2].min(), X[:, 2].max(), 200)
    expected = plain[-1].sample_predictions(plain[:-1].transform(rows), 20, random_state=0)
    np.testing.assert_array_equal(inner, expected[..., 0])


def test_probabilities_of_a_class_from_a_frame():
    pytest.importorskip("pandas")
    data = load_breast_cancer(as_frame=True)
    X, y = data.data, data.target_names[data.target]
    network = MLPClassifier((10,), dropout=0.2, max_iter=5, random_state=0)
    model = make_pipeline(StandardScaler(), network).fit(X, y)
    display = UncertaintyDisplay.from_estimator(model, X, feature="worst area", y=y, n_draws=20)
    assert display.target_name == "probability of malignant"
    assert display.feature_name == "worst area"
    assert display.draws.min() >= 0 and display.draws.max() <= 1
    points = np.asarray(display.points_.get_offsets())
    np.testing.assert_array_equal(points[:, 1], y == "malignant")
    np.testing.assert_array_equal(points[:, 0], X["worst area"])
    other = UncertaintyDisplay.from_estimator(
        model, X, feature="worst area", target="benign", n_draws=20
    )
    np.testing.assert_allclose(other.draws, 1 - display.draws, atol=1e-6)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_other_columns_of_a_frame_keep_their_kind(library):
    frames = pytest.importorskip(library)
    columns = {"count": np.arange(90), "kind": list("aab") * 30}
    X = frames.DataFrame({"size": np.random.default_rng(0).normal(size=90)} | columns)
    if library == "pandas":
        X = X.astype({"kind": "category"})
    else:
        X = X.with_columns(frames.col("kind").cast(frames.Enum(["b", "a"])))
    kinds = OneHotEncoder(sparse_output=False), ["kind"]
    encode = make_column_transformer(kinds, remainder="passthrough")
    network = MLPRegressor((5,), dropout=0.2, max_iter=3, random_state=0)
    model = make_pipeline(encode, network).fit(X, X["size"])
    display = UncertaintyDisplay.from_estimator(model, X, feature="size", n_draws=5,
                                                grid=[0.0, 1.0], random_state=0)  # fmt: skip
    rows = frames.DataFrame({"size": [0.0, 1.0], "count": [44.5, 44.5], "kind": ["a", "a"]})
    expected = model[-1].sample_predictions(encode.transform(rows), 5, random_state=0)
    np.testing.assert_array_equal(display.draws, expected[..., 0])


def test_outputs_and_classes_are_chosen(regressor):
    X, y = diabetes()
    network = MLPRegressor((5,), dropout=0.2, max_iter=2, random_state=0)
    network.fit(X, np.column_stack([y, -y]))
    display = UncertaintyDisplay.from_estimator(network, X, y=np.column_stack([y, -y]), target=1)
    np.testing.assert_array_equal(display.points_.get_offsets()[:, 1], -y)
    assert display.target_name == "prediction of output 1"
    with pytest.raises(ValueError, match="target=2 is not an output of the network, which has 2"):
        UncertaintyDisplay.from_estimator(network, X, target=2)
    classifier = MLPClassifier((5,), dropout=0.2, max_iter=2).fit(*iris())
    with pytest.raises(ValueError, match=r"3 classes; give target=, one of \[0, 1, 2\]"):
        UncertaintyDisplay.from_estimator(classifier, iris()[0])
    X, y = iris()
    with pytest.raises(ValueError, match=r"such as 3; give labels out of \[0, 1, 2\]"):
        UncertaintyDisplay.from_estimator(classifier, X, target=1, y=y + 1)
    column = UncertaintyDisplay.from_estimator(classifier, X, target=1, y=y[:, None], n_draws=2)
    np.testing.assert_array_equal(column.points_.get_offsets()[:, 1], y == 1)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"feature": 10}, "feature=10 is not a column of X"),
        ({"feature": "bmi"}, "feature='bmi' is not a column of X"),
        ({"coverage": (0.5, 1.5)}, r"coverage=\(0.5, 1.5\) is not in \(0, 1\]"),
        ({"coverage": ()}, r"coverage=\(\) is not in \(0, 1\]"),
        ({"n_draws": 0}, "n_draws"),
        ({"feature": 0.0}, "feature=0.0 is not a column of X; give its number, from 0 to 9"),
        ({"target": "a"}, "target='a' is not an output of the network, which has 1"),
        ({"grid": 3.0}, "grid=3.0 is not a list of two numbers or more"),
        ({"grid": []}, r"grid=\[\] is not a list of two numbers"),
        ({"y": [1.0, 2.0]}, "y has 2 rows and X has 442"),
        ({"y": np.ones((442, 2))}, "y has 2 columns and the network 1 outputs"),
        ({"X": np.full((442, 10), np.nan)}, "NaN or infinite values; give the grid"),
        ({"X": np.array([["a", 1.0]], dtype=object)}, "feature='x0' .* numbers, such as 'a'"),
        ({"X": np.array([["a", 1.0]], dtype=object), "feature": 1, "grid": [0, 1]}, "a data frame"),
    ],
)
def test_bands_that_cannot_be_drawn_are_refused(regressor, changes, message):
    with pytest.raises(ValueError, match=message):
        UncertaintyDisplay.from_estimator(regressor, **({"X": diabetes()[0]} | changes))


def test_bands_need_a_fitted_network_with_dropout_and_dense_rows(regressor):
    sp = pytest.importorskip("scipy.sparse")
    X, y = diabetes()
    with pytest.raises(ValueError, match="X is sparse"):
        UncertaintyDisplay.from_estimator(regressor, sp.csr_matrix(X))
    with pytest.raises(NotFittedError):
        UncertaintyDisplay.from_estimator(MLPRegressor(dropout=0.5), X)
    with pytest.raises(ValueError, match="drop nothing"):
        UncertaintyDisplay.from_estimator(MLPRegressor((3,), max_iter=2).fit(X, y), X)
    with pytest.raises(ValueError, match="UncertaintyDisplay needs sample_predictions, which R"):
        UncertaintyDisplay.from_estimator(Ridge().fit(X, y), X)
