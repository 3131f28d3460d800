"""Paths and searches of unusual shape: halving, lists of grids, several metrics, one strength."""

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV

from skreg import MLPClassifier, MLPClassifierCV, mlp_path
from skreg.inspection import RegularizationPathDisplay
from tests.test_inspection import close_figures, diabetes, iris, plt, pytestmark

__all__ = ["close_figures", "plt", "pytestmark"]  # fixtures and marks

STRENGTHS = [1e-4, 1e-3, 1e-2, 1e-1]
METRICS = ["r2", "neg_max_error"]

draw = RegularizationPathDisplay.from_estimator


def ridge_search(grid, **options):
    return GridSearchCV(Ridge(), grid, cv=2, **options).fit(*diabetes())


def test_halving_is_said_below_the_axis_where_candidates_were_dropped():
    search = MLPClassifierCV((3,), l1s=STRENGTHS, cv=2, max_iter=9, halving=True, random_state=0)
    display = draw(search.fit(*iris()))
    assert np.unique(search.cv_results_["n_epochs"]).tolist() == [3, 9]
    assert display.ax_.get_xlabel().endswith("\n(dropped candidates: scored after fewer epochs)")
    plain = search.set_params(halving=False).fit(*iris())
    assert "dropped" not in draw(plain).ax_.get_xlabel()


@pytest.mark.parametrize("resource", ["max_iter", "n_samples"])
def test_of_every_candidate_that_halving_repeats_the_last_round_counts(resource):
    options = {"min_resources": 2, "max_resources": 8} if resource == "max_iter" else {}
    search = HalvingGridSearchCV(
        MLPClassifier((3,), max_iter=5, random_state=0), {"l1": STRENGTHS}, cv=2, factor=2,
        resource=resource, random_state=0, **options,
    ).fit(*iris())  # fmt: skip
    display, table = draw(search), search.cv_results_
    np.testing.assert_array_equal(display.strengths, STRENGTHS)
    for strength, score in zip(STRENGTHS, display.scores, strict=True):
        rounds = [i for i, params in enumerate(table["params"]) if params["l1"] == strength]
        last = max(rounds, key=lambda place: table["iter"][place])
        assert score == pytest.approx(table["mean_test_score"][last])
    assert display.ax_.get_xlabel().endswith(f"scored with a smaller {resource})")


def test_the_scores_are_named_by_their_metric():
    display = draw(ridge_search({"alpha": [1.0, 10.0]}))
    assert display.ax_.get_ylabel() == "mean test R²\n± standard error"
    network = MLPClassifier((2,), max_iter=2)
    search = GridSearchCV(network, {"l1": [0.0, 0.1]}, cv=2).fit(*iris())
    assert draw(search).score_name == "mean test accuracy"
    own = ridge_search({"alpha": [1.0, 10.0]}, scoring=lambda model, X, y: 0.5)
    assert draw(own).score_name == "mean test score"


def test_out_of_a_list_of_grids_that_of_the_chosen_candidate_is_drawn():
    search = ridge_search([{"alpha": [1e5, 1e6], "tol": [0.1]}, {"alpha": [10.0, 1.0]}])
    np.testing.assert_array_equal(draw(search).strengths, [1.0, 10.0])
    with pytest.raises(ValueError, match=r"axis='tol' was not searched; choose one of \['alpha'\]"):
        draw(search, axis="tol")


def test_the_first_axis_of_numbers_is_drawn_and_a_choice_by_a_function():
    search = ridge_search({"copy_X": [True, False], "tol": [0.1, 0.2]}, refit=lambda table: 1)
    display = draw(search)
    assert display.axis == "tol" and display.chosen == 0.2


@pytest.mark.parametrize("refit", [False, lambda table: 0])
def test_several_metrics_need_the_name_of_one(refit):
    search = ridge_search({"alpha": [1.0, 10.0]}, scoring=METRICS, refit=refit)
    with pytest.raises(
        ValueError, match="refit=.* does not say which of them to draw; fit it with"
    ):
        draw(search)


def test_a_strength_alone_is_refused_or_drawn_as_points():
    with pytest.raises(ValueError, match="No parameter of the search has several values"):
        draw(ridge_search({"alpha": [1.0]}))
    random = {"alpha": np.geomspace(0.1, 1, 50), "tol": np.geomspace(0.1, 1, 50)}
    search = RandomizedSearchCV(Ridge(), random, n_iter=4, cv=2, random_state=0)
    with pytest.raises(
        ValueError, match="No other candidate shares the chosen tol=0.*axis='alpha'"
    ):
        draw(search.fit(*diabetes()), axis="alpha")
    path = mlp_path(*diabetes(), l1s=[0.1], hidden_layer_sizes=())
    display = RegularizationPathDisplay.from_path(path)
    assert {line.get_marker() for line in display.lines_} == {"o"}


def test_a_path_of_zeros_is_drawn():
    path = mlp_path(*diabetes(), l1s=[5.0, 10.0], hidden_layer_sizes=())
    display = RegularizationPathDisplay.from_path(path)
    assert not display.labels_ and not np.any([line.get_ydata() for line in display.lines_])


def test_the_axis_with_most_strengths_is_drawn_and_failures_are_counted():
    X, y = iris()
    search = MLPClassifierCV(
        (4,), dropouts=[0.0, 0.2], l2s=[1e-4, 1e-2, 1e35], cv=2, max_iter=3, random_state=0
    )
    with pytest.warns(FitFailedWarning, match="l2=1e.35 failed"):
        search.fit(X, y)
    display = RegularizationPathDisplay.from_estimator(search)
    assert display.axis == "l2"
    np.testing.assert_array_equal(display.strengths, [1e-4, 1e-2, 1e35])
    assert np.isnan(display.scores).tolist() == [False, False, True]
    assert "(1 of 3 candidates without a score)" in display.ax_.get_xlabel()


def test_named_curves_beyond_the_colours_differ_in_their_dashes():
    X, y = diabetes()
    path = mlp_path(X, y, l2s=[1e-3, 1e-2], hidden_layer_sizes=(), max_iter=3)
    lines = RegularizationPathDisplay.from_path(path, n_named=10).lines_
    looks = {(line.get_color(), line.get_linestyle()) for line in lines}
    assert len(lines) == len(looks) == 10
