"""Displays: what they draw is what was measured, on any axes, for every kind of input."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier as PeerClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from skreg import MLPClassifier, MLPClassifierCV, MLPRegressor, inspection, mlp_path
from skreg._displays._axes import shown, spread
from skreg._displays.loss_curve import best_epoch
from skreg._displays.weights import mosaic
from skreg.inspection import (
    BiasVarianceDisplay,
    LossCurveDisplay,
    RegularizationPathDisplay,
    SparsityDisplay,
    UncertaintyDisplay,
    WeightsDisplay,
)

pytest.importorskip("matplotlib")
plt = pytest.importorskip("matplotlib.pyplot")

pytestmark = [
    # Older releases of scikit-learn call newer ones of SciPy in a way that these announce to drop.
    pytest.mark.filterwarnings("ignore:.*options of the L-BFGS-B:DeprecationWarning"),
    # Older releases of matplotlib call newer ones of pyparsing in such a way.
    pytest.mark.filterwarnings("ignore:'.*deprecated:DeprecationWarning"),
]

DISPLAYS = [name for name in inspection.__all__ if name.endswith("Display")]


@pytest.fixture(autouse=True)
def close_figures():
    plt.switch_backend("agg")
    yield
    plt.close("all")


def iris():
    X, y = load_iris(return_X_y=True)
    return scale(X), y


def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return scale(X), scale(y)


@pytest.fixture(scope="module")
def network():
    """Return a network with two penalties and a validation set."""
    return MLPClassifier(
        (12,), l1=3e-3, l2=1e-2, early_stopping=True, scoring="loss",
        learning_rate_init=0.05, n_iter_no_change=5, random_state=0,
    ).fit(*iris())  # fmt: skip


@pytest.fixture(scope="module")
def regressor():
    X, y = diabetes()
    return MLPRegressor((30,), dropout=0.2, max_iter=30, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def path():
    (X, y), half = diabetes(), slice(None, None, 2)
    return mlp_path(X[half], y[half], l1s=8, hidden_layer_sizes=(), X_val=X[1::2], y_val=y[1::2])


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def draw_all(network, regressor, path, axes=None):
    """Draw every display once, on the given axes or on new ones."""
    X, y = diabetes()
    axes = [None] * 6 if axes is None else axes
    range_ = {"param_name": "alpha", "param_range": [1.0, 10.0, 100.0]}
    return [
        LossCurveDisplay.from_estimator(network, ax=axes[0]),
        SparsityDisplay.from_estimator(network, ax=axes[1]),
        WeightsDisplay.from_estimator(network, ax=axes[2]),
        RegularizationPathDisplay.from_path(path, ax=axes[3]),
        UncertaintyDisplay.from_estimator(regressor, X, y=y, ax=axes[4]),
        BiasVarianceDisplay.from_estimator(Ridge(), X, y, n_bootstraps=2, **range_, ax=axes[5]),
    ]


# What all displays share.


def test_nothing_imports_matplotlib_before_something_is_drawn():
    code = "import skreg, skreg.inspection, sys; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_error_says_what_to_install(network, path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    message = "{} requires matplotlib; install it with: pip install matplotlib"
    for name in DISPLAYS:
        display = getattr(inspection, name)
        with pytest.raises(ImportError, match=message.format(f"{name}.from_estimator")):
            arguments = {"BiasVarianceDisplay": [None] * 2, "UncertaintyDisplay": [None]}
            keywords = {"param_name": "l2", "param_range": [0]} if "Bias" in name else {}
            display.from_estimator(network, *arguments.get(name, []), **keywords)
    with pytest.raises(ImportError, match=message.format("RegularizationPathDisplay.from_path")):
        RegularizationPathDisplay.from_path(path)
    with pytest.raises(ImportError, match=message.format("LossCurveDisplay.plot")):
        LossCurveDisplay(loss=[1.0, 0.5]).plot()


def test_every_display_draws_on_given_axes_and_once_more_on_others(network, regressor, path):
    figure, axes = plt.subplots(2, 3, figsize=(9, 5), layout="constrained")
    displays = draw_all(network, regressor, path, axes.ravel())
    assert {type(display).__name__ for display in displays} == set(DISPLAYS)
    for display, ax in zip(displays, axes.ravel(), strict=True):
        assert display.ax_ is ax and display.figure_ is figure
        again = display.plot()
        assert again is display and display.ax_ is not ax
        assert display.figure_ is display.ax_.figure is not figure
        assert display.ax_.get_xlabel() == ax.get_xlabel() != ""
        assert display.ax_.get_ylabel() == ax.get_ylabel()
    figure.canvas.draw()


def test_all_texts_lie_inside_the_figure(network, regressor, path):
    for display in draw_all(network, regressor, path):
        figure = display.figure_
        figure.canvas.draw()
        inside = figure.get_tightbbox().padded(-0.02)
        assert inside.x0 >= 0 and inside.y0 >= 0
        width, height = figure.get_size_inches()
        assert inside.x1 <= width and inside.y1 <= height


# Losses.


def test_the_losses_are_those_of_the_history(network):
    display = LossCurveDisplay.from_estimator(network)
    history, epochs = network.history_, np.arange(1, network.n_iter_ + 1)
    np.testing.assert_array_equal(display.line_.get_xdata(), epochs)
    np.testing.assert_array_equal(display.line_.get_ydata(), history["loss"])
    np.testing.assert_array_equal(display.validation_line_.get_ydata(), history["validation_loss"])
    assert legend(display) == ["training loss", "+ l1 penalty", "+ l2 penalty", "validation loss"]
    assert display.ax_.get_yscale() == "linear"


def corners(area):
    """Return lower and upper edge of an area between curves."""
    vertices = area.get_paths()[0].vertices
    n = (len(vertices) - 3) // 2
    return vertices[1 : n + 1, 1], vertices[n + 2 : -1, 1][::-1]


def test_penalties_are_stacked_on_the_loss_up_to_the_objective(network):
    display = LossCurveDisplay.from_estimator(network)
    history = network.history_
    lower, upper = corners(display.areas_["l1"])
    np.testing.assert_allclose(lower, history["loss"])
    np.testing.assert_allclose(upper, history["loss"] + history["l1"])
    lower, upper = corners(display.areas_["l2"])
    np.testing.assert_allclose(lower, history["loss"] + history["l1"])
    np.testing.assert_allclose(upper, network.loss_curve_)
    assert list(display.areas_) == ["l1", "l2"]
    edges = [line for line in display.ax_.lines if line.get_linewidth() == 0.8]
    assert len(edges) == 2  # which thin areas must not draw over the loss
    assert max(edge.get_zorder() for edge in edges) < display.line_.get_zorder()


def test_the_best_epoch_is_the_one_whose_weights_are_kept(network):
    display = LossCurveDisplay.from_estimator(network)
    best = int(np.argmax(network.validation_scores_)) + 1
    assert 1 < best < network.n_iter_
    assert list(display.best_line_.get_xdata()) == [best, best]
    assert display.ax_.get_xlabel() == f"epoch\n(dotted: best score, epoch {best})"


def test_after_a_warm_start_the_best_epoch_is_one_of_the_last_fit():
    scores = np.array([0.5, 0.9, 0.3, 0.9, 0.9])
    again = SimpleNamespace(
        history_={"validation_score": scores}, n_iter_=3, best_validation_score_=0.9
    )
    assert best_epoch(again) == 4
    again.best_validation_score_ = 0.8  # of rows that were not kept
    assert best_epoch(again) is None


def test_after_partial_fit_the_best_epoch_is_marked_where_its_weights_are_back():
    X, y = iris()
    options = {"learning_rate_init": 0.05, "tol": 1.0, "random_state": 0, "early_stopping": True}
    for patience, marked in ((2, True), (20, False)):
        network = MLPClassifier((3,), n_iter_no_change=patience, **options)
        for _ in range(4):
            network.partial_fit(X, y, classes=[0, 1, 2], X_val=X, y_val=y)
        assert network.stopped_early_ is marked
        for Display in (LossCurveDisplay, SparsityDisplay):
            assert (Display.from_estimator(network).best_line_ is not None) is marked
    for patience in (1, 20):  # a fit restores the best weights however it ends
        network = MLPClassifier((3,), n_iter_no_change=patience, max_iter=4, **options)
        best = np.argmax(network.fit(X, y).validation_scores_) + 1
        assert list(SparsityDisplay.from_estimator(network).best_line_.get_xdata()) == [best, best]


def test_without_validation_and_penalties_there_is_only_the_loss():
    X, y = diabetes()
    for solver, log_scale in (("adam", True), ("lbfgs", False)):
        plain = MLPRegressor((3,), l2=0.0, max_iter=5, solver=solver, random_state=0).fit(X, y)
        display = LossCurveDisplay.from_estimator(plain, log_scale=log_scale)
        assert legend(display) == ["training loss"]
        assert display.validation_line_ is display.best_line_ is None and not display.areas_
        assert display.ax_.get_yscale() == ("log" if log_scale else "linear")
        assert display.line_.get_ydata().size == 5


def test_one_epoch_alone_is_drawn_as_points():
    X, y = iris()
    once = MLPClassifier((4,), l1=0.01, max_iter=1, random_state=0).partial_fit(
        X, y, classes=np.unique(y), X_val=X, y_val=y
    )
    losses = LossCurveDisplay.from_estimator(once)
    lines = [*losses.ax_.get_lines(), *SparsityDisplay.from_estimator(once).lines_]
    assert len(lines) == 6  # loss, its two penalties, validation; two layers
    for line in lines:
        assert (line.get_marker(), line.get_xdata().tolist()) == ("o", [1])


def test_pipelines_searches_and_transformed_targets_are_opened(network):
    X, y = iris()
    small = MLPClassifier((3,), max_iter=3, random_state=0)
    pipeline = make_pipeline(StandardScaler(), small)
    grid = GridSearchCV(pipeline, {"mlpclassifier__l2": [0.0, 0.1]}, cv=2).fit(X, y)
    within = MLPClassifierCV((3,), max_iter=3, l2s=[0.0, 0.1], cv=2, random_state=0)
    target = TransformedTargetRegressor(MLPRegressor((3,), max_iter=3), transformer=PCA())
    for model, inner in (
        (pipeline.fit(X, y), pipeline[-1]),
        (grid, grid.best_estimator_[-1]),
        (within.fit(X, y), within.best_estimator_),
        (make_pipeline(within), within.best_estimator_),
        (target.fit(X, y), target.regressor_),
    ):
        display = LossCurveDisplay.from_estimator(model)
        np.testing.assert_array_equal(display.line_.get_ydata(), inner.history_["loss"])


def test_what_has_no_history_is_refused():
    X, y = iris()
    with pytest.raises(NotFittedError, match="MLPClassifier instance is not fitted"):
        LossCurveDisplay.from_estimator(make_pipeline(StandardScaler(), MLPClassifier()))
    message = "LossCurveDisplay needs history_, which {} does not have; give a fitted network"
    for Peer in (LogisticRegression, PeerClassifier):
        with pytest.raises(ValueError, match=message.format(Peer.__name__)):
            LossCurveDisplay.from_estimator(Peer(max_iter=1000).fit(X, y))
    unfinished = MLPClassifierCV((3,), max_iter=3, l2s=[0.0, 0.1], cv=2, refit=False).fit(X, y)
    with pytest.raises(ValueError, match="this MLPClassifierCV has refit=False"):
        SparsityDisplay.from_estimator(unfinished)
    with pytest.raises(ValueError, match="the history is empty"):
        LossCurveDisplay(loss=[]).plot()


def test_a_logarithmic_axis_needs_positive_losses():
    with pytest.raises(ValueError, match=r"the smallest is -0\.5; choose log_scale=False"):
        LossCurveDisplay(loss=[1.0, 0.5], validation_loss=[0.2, -0.5]).plot(log_scale=True)


# Sparsity.


def test_nonzero_weights_layer_by_layer(network):
    history = network.history_
    display = SparsityDisplay.from_estimator(network)
    for place, line in enumerate(display.lines_):
        share = history[f"n_nonzero_{place}"] / network.coefs_[place].size
        np.testing.assert_allclose(line.get_ydata(), share)
        assert display.labels_[place].get_color() == line.get_color()
    assert len(display.lines_) == 2 and share[-1] < 1
    counts = SparsityDisplay.from_estimator(network, share=False).lines_[0].get_ydata()
    np.testing.assert_array_equal(counts, history["n_nonzero_0"])
    assert display.ax_.get_ylabel() == "nonzero weights"
    assert [label.get_text() for label in display.labels_] == ["layer 1", "layer 2"]


def test_names_of_lines_that_end_together_do_not_overlap():
    for last in (0.0, 0.5, 1.0):
        counts = np.full((10, 5), 100 * last, int)
        display = SparsityDisplay(n_nonzero=counts, n_weights=[100] * 5).plot()
        display.figure_.canvas.draw()
        boxes = [label.get_window_extent() for label in display.labels_]
        axes = display.ax_.get_window_extent()
        tops = sorted((box.y0, box.y1) for box in boxes)
        assert all(low[1] <= high[0] + 1 for low, high in zip(tops, tops[1:], strict=False))
        assert axes.y0 <= tops[0][0] and tops[-1][1] <= axes.y1
        assert all(box.x1 <= axes.x1 for box in boxes)


def test_names_that_do_not_fit_share_the_axes():
    _, ax = plt.subplots(figsize=(3, 2))
    np.testing.assert_allclose(spread(ax, np.full(100, 0.5)), (np.arange(100) + 0.5) / 100)


def test_there_are_no_ticks_between_epochs():
    sparsity = SparsityDisplay(n_nonzero=[[8, 2], [4, 2], [4, 1]], n_weights=[8, 2])
    for display in (sparsity, LossCurveDisplay(loss=[3.0, 2.0, 1.0])):
        ticks = display.plot().ax_.get_xticks()
        assert {1, 2, 3} <= {*ticks} and all(tick == round(tick) for tick in ticks)
        display.plot(display.ax_)  # where ticks may be fixed


@pytest.mark.parametrize("share", [True, False])
def test_a_network_without_weights_is_drawn(share):
    display = SparsityDisplay(n_nonzero=[[0, 0], [0, 0]], n_weights=[8, 2]).plot(share=share)
    assert display.ax_.get_ylim() == (0, 1.04)


def test_one_count_can_be_drawn_and_none_cannot():
    display = SparsityDisplay(n_nonzero=[[3]], n_weights=[4]).plot()
    assert display.lines_[0].get_ydata().tolist() == [0.75]
    with pytest.raises(ValueError, match="There is no epoch to draw"):
        SparsityDisplay(n_nonzero=np.empty((0, 1)), n_weights=[4]).plot()


def test_shares_of_a_compressed_network_are_refused():
    X, y = diabetes()
    grouped = MLPRegressor((20,), group_l1=0.02, learning_rate_init=0.01, random_state=0)
    small = grouped.fit(X, y).compress()
    with pytest.raises(ValueError, match="more weights than there are, as after compress"):
        SparsityDisplay.from_estimator(small)
    assert len(SparsityDisplay.from_estimator(small, share=False).lines_) == 2


# Weights.


def test_the_map_shows_weights_sorted_by_norm_without_dead_ones():
    weights = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [3.0, -4.0, 0.0]])
    display = WeightsDisplay(weights=weights, feature_names=["a", "b", "c"]).plot()
    np.testing.assert_array_equal(display.image_.get_array(), [[-4, 3], [1, 0]])
    assert display.units_.tolist() == [1, 0] and display.features_.tolist() == [2, 0]
    assert display.image_.get_clim() == (-4, 4)
    assert display.ax_.get_xlabel() == "2 of 3 units, by norm\n(1 without weights left out)"
    assert display.ax_.get_ylabel() == "2 of 3 features, by norm\n(1 without weights left out)"
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["c", "a"]
    fewer = display.plot(n_units=1, n_features=1).image_.get_array()
    np.testing.assert_array_equal(fewer, [[-4]])


def test_without_hidden_layers_the_columns_are_classes():
    X, y = iris()
    names = np.array(["setosa", "versicolor", "virginica"])
    network = MLPClassifier((), max_iter=20, random_state=0).fit(X, names[y])
    display = WeightsDisplay.from_estimator(network)
    written = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert written == names[display.units_].tolist()
    assert display.ax_.get_xlabel() == "3 of 3 outputs, by norm"
    several = MLPRegressor((), max_iter=2, random_state=0).fit(X, X[:, :2])
    assert WeightsDisplay.from_estimator(several).unit_names == ["output 0", "output 1"]
    single = MLPClassifier((), max_iter=2, random_state=0).fit(X, y > 0)
    assert WeightsDisplay.from_estimator(single).unit_names is None


def test_long_names_keep_what_tells_them_apart():
    names = [f"a rather long feature name number {place}" for place in range(60)]
    assert shown(names[37]) == "a rather lon…me number 37"
    assert len({shown(name) for name in names}) == 60
    assert shown("petal length (cm)") == "petal length (cm)"


def test_images_of_units_stand_in_one_picture():
    weights = np.arange(1.0, 31.0).reshape(6, 5)
    display = WeightsDisplay(weights=weights, image_shape=(2, 3)).plot(n_units=3)
    assert display.units_.tolist() == [4, 3, 2]
    picture = np.ma.filled(display.image_.get_array(), np.nan)
    assert picture.shape == (5, 7)
    np.testing.assert_array_equal(picture[:2, :3], weights[:, 4].reshape(2, 3))
    np.testing.assert_array_equal(picture[:2, 4:], weights[:, 3].reshape(2, 3))
    np.testing.assert_array_equal(picture[3:, :3], weights[:, 2].reshape(2, 3))
    assert np.isnan(picture[2]).all() and np.isnan(picture[3:, 3:]).all()
    assert display.image_.get_clim() == (-30, 30)
    assert mosaic(np.ones((16, 2, 2))).shape == (11, 11)


def test_names_come_from_the_frame_the_steps_before_or_the_user():
    pytest.importorskip("pandas")
    X, y = load_iris(return_X_y=True, as_frame=True)

    def names(model, **keywords):
        display = WeightsDisplay.from_estimator(model, **keywords)
        labels = [label.get_text() for label in display.ax_.get_yticklabels()]
        return [label for _, label in sorted(zip(display.features_, labels, strict=True))]

    small = MLPClassifier((3,), max_iter=3, random_state=0)
    assert names(small.fit(X, y)) == list(X.columns)
    assert names(make_pipeline(StandardScaler(), small).fit(X, y)) == list(X.columns)
    assert names(make_pipeline(PCA(2), small).fit(X, y)) == ["pca0", "pca1"]
    assert names(small.fit(X.to_numpy(), y)) == ["x0", "x1", "x2", "x3"]
    assert names(small, feature_names=list("abcd")) == list("abcd")
    with pytest.raises(ValueError, match="feature_names has 2 names, but the network reads 4"):
        names(small, feature_names=["a", "b"])
    long = names(small, feature_names=["a" * 30, *"bcd"])
    assert long[0] == "a" * 12 + "…" + "a" * 12


def test_a_compressed_network_shows_the_columns_of_x():
    X, y = diabetes()
    grouped = MLPRegressor((20,), group_l1=0.02, learning_rate_init=0.01, random_state=0)
    small = grouped.fit(X, y).compress()
    display = WeightsDisplay.from_estimator(small)
    assert 0 < small.coefs_[0].shape[0] < 10
    assert sorted(display.features_) == small.active_features_.tolist()


def test_weights_of_a_peer_can_be_drawn_too():
    X, y = iris()
    peer = PeerClassifier((3,), max_iter=3, random_state=0).fit(X, y)
    display = WeightsDisplay.from_estimator(peer)
    expected = peer.coefs_[0][np.ix_(display.features_, display.units_)]
    np.testing.assert_array_equal(display.image_.get_array(), expected)


def test_pictures_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match=r"image_shape=\(2, 2\) has 4 pixels.*reads 6 features"):
        WeightsDisplay(weights=np.ones((6, 2)), image_shape=(2, 2)).plot()
    with pytest.raises(ValueError, match="all weights of the first layer are zero"):
        WeightsDisplay(weights=np.zeros((6, 2))).plot()
    with pytest.raises(ValueError, match="image_shape=4 is not a height and a width"):
        WeightsDisplay(weights=np.ones((4, 2)), image_shape=4).plot()
    for name, value in (("n_units", 0), ("n_units", -1), ("n_features", 1.5)):
        with pytest.raises(ValueError, match=f"{name}={value} draws nothing; give an int from 1"):
            WeightsDisplay(weights=np.ones((4, 2))).plot(**{name: value})
    with pytest.raises(TypeError, match=r"ax is of type ndarray, .* axes.flat\[0\]"):
        LossCurveDisplay(loss=[1.0]).plot(plt.subplots(1, 2)[1])
