"""The bookkeeping of a search: grids, paths, the table, ranks and the choice."""

import numpy as np
import pytest
from sklearn.model_selection import ParameterGrid

from skreg._search import (
    AXES,
    Ledger,
    Outcome,
    choose,
    grid,
    paths,
    ranks,
    regularization,
    standard_error,
)


def ledger_of(scores, candidates=None):
    """Return a ledger with one row of scores per candidate."""
    scores = np.array(scores, dtype=float)
    candidates = candidates or [{"l1": float(k)} for k in range(len(scores))]
    ledger = Ledger(candidates, scores.shape[1])
    for (candidate, fold), score in np.ndenumerate(scores):
        ledger.book(Outcome(candidate, fold, score, 1.0, 0.5, 7))
    return ledger


def no_null_model():
    raise AssertionError("nothing needs the null model")


@pytest.mark.parametrize("name", AXES)
def test_given_strengths_are_kept_as_they_are(name):
    strengths = np.array([0.5, 0.1, 0.25])
    kept = grid(name, strengths, no_null_model)
    assert kept == strengths.tolist()
    assert all(isinstance(value, np.float64) for value in kept)  # as GridSearchCV hands them on


@pytest.mark.parametrize("value", [[], [-0.1], [[0.1]], ["much"], ["0.1"], [np.nan], 0.5])
def test_bad_strengths(value):
    with pytest.raises(ValueError, match="l1s="):
        grid("l1", value, no_null_model)


def test_a_dropout_grid_needs_no_data():
    np.testing.assert_allclose(grid("dropout", 5, no_null_model), [0, 0.2, 0.4, 0.6, 0.8])


def test_paths_go_from_weak_to_strong_along_the_first_axis():
    candidates = list(ParameterGrid({"dropout": [0.0, 0.5], "l2": [1.0, 0.1, 10.0]}))
    found = [[params["l2"] for _, params in path] for path in paths(candidates)]
    assert found == [[0.1, 1.0, 10.0]] * 2
    numbers = sorted(number for path in paths(candidates) for number, _ in path)
    assert numbers == list(range(6))
    assert all(candidates[number] == params for path in paths(candidates)
               for number, params in path)  # fmt: skip


def test_the_table():
    ledger = ledger_of([[0.5, 0.7], [0.9, 0.5], [0.2, np.nan]])
    ledger.book(Outcome(0, 0, 0.6, 2.0, 0.5, 14))  # a second round: times add up
    table = ledger.table(with_epochs=True)
    np.testing.assert_allclose(table["mean_test_score"], [0.65, 0.7, np.nan])
    np.testing.assert_allclose(table["std_test_score"], [0.05, 0.2, np.nan])
    np.testing.assert_allclose(table["mean_fit_time"], [2.0, 1.0, 1.0])
    np.testing.assert_allclose(table["std_fit_time"], [1.0, 0.0, 0.0])
    np.testing.assert_allclose(table["mean_score_time"], [0.75, 0.5, 0.5])
    assert table["rank_test_score"].tolist() == [2, 1, 3]
    assert table["n_epochs"].tolist() == [14, 7, 7]
    assert table["split1_test_score"].tolist()[:2] == [0.7, 0.5]
    assert table["param_l1"].tolist() == [0.0, 1.0, 2.0]
    assert table["param_l1"].mask.tolist() == [False] * 3  # as of GridSearchCV


def test_later_rounds_rank_first():
    means = np.array([0.9, 0.8, 0.5, np.nan, 0.8])
    assert ranks(means, np.zeros(5, int)).tolist() == [1, 2, 4, 5, 2]
    assert ranks(means, np.array([0, 0, 2, 1, 1])).tolist() == [3, 4, 1, 5, 2]
    assert ranks(np.array([np.nan, -np.inf, 0.5]), np.zeros(3, int)).tolist() == [3, 2, 1]


def test_failures_name_candidate_and_folds():
    ledger = ledger_of([[0.5, 0.5], [0.5, 0.5]], [{"dropout": 0.5, "l1": 0.0}, {"l1": 1e-3}])
    assert ledger.failures() == []
    ledger.book(Outcome(0, 1, error="ValueError: too much"))
    assert ledger.failures() == [
        "dropout=0.5, l1=0 failed on fold 1 and scores nan: ValueError: too much"
    ]


def test_a_failure_on_many_folds_names_the_first_ten():
    ledger = ledger_of([[0.5] * 300])
    for fold in range(300):
        ledger.book(Outcome(0, fold, error="ValueError: too much"))
    (sentence,) = ledger.failures()
    assert "failed on fold 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 290 more and scores nan" in sentence


def test_the_best_is_the_first_of_the_highest():
    assert choose(ledger_of([[0.5, 0.5], [0.9, 0.7], [0.7, 0.9], [np.nan, 1.0]]), "best") == 1


def test_only_the_last_round_can_be_chosen():
    ledger = ledger_of([[0.9, 0.9], [0.5, 0.5]])
    ledger.round[1] = 1
    assert choose(ledger, "best") == choose(ledger, "one_se") == 1


def test_the_standard_error():
    assert standard_error(np.array([1.0, 2.0, 3.0])) == pytest.approx(1 / np.sqrt(3))
    assert standard_error(np.array([1.0])) == 0.0


def test_one_standard_error_takes_the_strongest_within_it():
    means = [0.8, 0.8, 0.85, 0.83, 0.815, 0.5]
    scores = [[mean + 0.05, mean - 0.05, mean] for mean in means]
    # The best mean is 0.85 with a standard error of 0.05 / sqrt(3): only 0.83 is as near, while
    # a standard deviation would reach further.
    assert choose(ledger_of(scores), "best") == 2
    assert choose(ledger_of(scores), "one_se") == 3


def test_regularization_adds_the_places_on_all_axes():
    candidates = list(ParameterGrid({"dropout": [0.0, 0.9], "l1": [1.0, 1e-3, 1e-5]}))
    expected = [1.0, 0.5, 0.0, 2.0, 1.5, 1.0]  # of the longest axis; the steps are halves
    np.testing.assert_array_equal(regularization(candidates), 2 * np.array(expected))
    assert regularization([{"l1": 0.1}]).tolist() == [0]


def test_equal_regularization_is_a_tie():
    # 1/5 + 2/5 and 3/5 + 0 are different numbers once they are rounded.
    six = [0, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1]
    candidates = list(ParameterGrid({"l1": six, "l2": six}))
    total = regularization(candidates)
    for places in ((1, 2), (2, 1), (0, 3), (3, 0)):
        assert total[6 * places[0] + places[1]] == 3


def test_the_higher_mean_decides_between_equally_strong_ones():
    candidates = list(ParameterGrid({"dropout": [0.0, 0.5], "l1": [0.0, 1.0]}))
    scores = [[0.9, 0.5], [0.65, 0.7], [0.7, 0.66], [0.1, 0.1]]  # 1 and 2 stand in the middle
    assert choose(ledger_of(scores, candidates), "one_se") == 2


@pytest.mark.parametrize("selection", ["best", "one_se"])
def test_a_candidate_without_a_score_is_not_chosen_though_the_others_are_infinitely_bad(selection):
    ledger = ledger_of([[np.nan, 0.5], [-np.inf, -np.inf], [-np.inf, 0.0]])
    assert choose(ledger, selection) == {"best": 1, "one_se": 2}[selection]
