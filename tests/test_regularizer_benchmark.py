"""The arithmetic, the choices and the tables of the benchmark of regularizers, on tiny data."""

import json
import math

import numpy as np
import pytest
from scipy.stats import norm

from benchmarks.regularizers import __main__ as command
from benchmarks.regularizers import archives, mnist, selection, tables, trials, uci
from skreg import MLPClassifier


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """Let the data sets be looked for in an empty folder."""
    monkeypatch.setenv("SKREG_DATA", str(tmp_path))
    return tmp_path


def records(**scores):
    """Return records of accuracies on one data set, one split per number."""
    return [
        {"data": "set", "method": method, "split": split, "strength": 0.0, "accuracy": accuracy}
        for method, values in scores.items()
        for split, accuracy in enumerate(values)
    ]


def test_archives_are_read_from_the_folder_that_is_named(nowhere):
    X, y = np.arange(6).reshape(3, 2), np.array([0, 1, 0])
    np.savez(nowhere / "one.npz", X=X, y=y)
    images = {"X_train": np.ones((4, 2, 2)), "X_test": np.zeros((1, 2, 2))}
    np.savez(nowhere / "two.npz", **images, y_train=np.arange(4), y_test=np.array([9]))
    assert archives.load("one")[0].tolist() == X.tolist()
    X, y, _ = archives.load("two")
    assert X.tolist() == [[1.0] * 4] * 4 + [[0.0] * 4] and y.tolist() == [0, 1, 2, 3, 9]


def test_absent_archives_are_skipped_aloud(nowhere, capsys):
    (nowhere / "here.npz").touch()
    assert archives.present(["here", "gone"]) == ["here"]
    assert f"gone is skipped: {nowhere / 'gone.npz'} does not exist" in capsys.readouterr().err


def test_columns_are_scaled_as_the_training_rows_ask_for():
    scale = archives.standardizer(np.array([[1.0, 7.0], [5.0, 7.0]]))
    Z = scale(np.array([[3.0, 7.0], [7.0, 9.0]]))
    assert Z.dtype == np.float32 and Z.tolist() == [[0.0, 0.0], [2.0, 2.0]]


@pytest.mark.parametrize(
    ("metric", "best"), [("accuracy", 1), ("log_loss", 0), ("rmse", 0), ("log_likelihood", 1)]
)
def test_choices_know_what_is_better(metric, best):
    assert trials.choose([0.25, 0.5, 0.25, 0.5], metric) == best


def test_mean_and_standard_error_by_hand():
    assert trials.mean_and_error([1.0, 2.0, 3.0]) == (2.0, pytest.approx(1 / math.sqrt(3)))
    mean, error = trials.mean_and_error([4.0])
    assert mean == 4.0 and math.isnan(error)


def test_gains_compare_the_same_splits():
    found = records(plain=[0.5, 0.75, 0.5], better=[0.75, 1.0, 0.875], short=[0.75])
    gain = trials.gain(found, "set", "better", "accuracy")
    assert gain.mean == pytest.approx(0.875 / 3) and gain.error == pytest.approx(0.125 / 3)
    assert gain.is_clear() and not gain.is_clear(-1)
    assert trials.gain(found, "set", "plain", "accuracy", "better").is_clear(-1)
    assert trials.gain(found, "set", "short", "accuracy").mean == 0.25
    assert not trials.gain(found, "set", "short", "accuracy").is_clear()  # nobody knows
    assert trials.gain(found, "set", "absent", "accuracy") is None


def test_gains_count_beyond_what_student_expects():
    """The quantile for three splits is 4.303, for five 2.776."""
    for n_splits, quantile in ((3, 4.303), (5, 2.776)):
        assert trials.Gain(quantile + 0.001, 1.0, n_splits).is_clear()
        assert not trials.Gain(quantile - 0.001, 1.0, n_splits).is_clear()


def test_losses_gain_by_getting_smaller():
    found = [
        {"data": "set", "method": method, "split": 0, "log_loss": loss}
        for method, loss in (("plain", 0.75), ("l2", 0.5))
    ]
    assert trials.gain(found, "set", "l2", "log_loss").mean == 0.25


def test_scores_of_known_probabilities():
    X, y = np.array([[-1.0], [1.0], [1.0]]), np.array(["a", "b", "a"])
    network = MLPClassifier((), max_iter=1).fit(X, y)
    network.coefs_[0][:], network.intercepts_[0][:] = math.log(3), 0.0  # p = 1/4, 3/4, 3/4
    scores = trials.score(network, X, y)
    assert scores["accuracy"] == pytest.approx(2 / 3)
    assert scores["log_loss"] == pytest.approx(-math.log(0.75 * 0.75 * 0.25) / 3)


def test_features_are_reweighted_by_their_norms():
    factors = trials.penalty_factors(np.array([0.5, 2.0, 0.0, 1.0]))
    assert factors.tolist() == [2.0, 0.5, np.inf, 1.0]


@pytest.fixture(scope="module")
def noisy():
    """Return rows of which the last three columns, one the sum of two, tell the class."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(160, 12))
    X[:, 9] = X[:, 10] + X[:, 11] + 0.01 * rng.normal(size=160)
    return X, (X[:, 9] > 0).astype(int)


def test_rounds_leave_out_what_the_last_one_did_not_use(noisy):
    X, y = noisy
    method = trials.Method("", (), lambda strength: {"group_l1": strength}, n_rounds=2)
    active = []
    for n_rounds in (1, 2):
        network = MLPClassifier((), learning_rate_init=0.02, random_state=0)
        method = method._replace(n_rounds=n_rounds)
        active.append(set(trials.fit_rounds(method, 0.02, network, (X, y)).active_features_))
    assert active[1] < active[0] and network.feature_penalty is not None
    assert trials.fit_rounds(method, 10.0, MLPClassifier(()), (X, y)).feature_penalty is None


def test_columns_that_others_predict_are_found(noisy):
    assert selection.predicted_columns(noisy[0], 3).tolist() == [9, 10, 11]
    assert selection.predicted_columns(noisy[0], 0).size == 0


def test_few_rows_are_tested_in_folds_and_many_in_a_quarter():
    folds = selection.outer_splits(np.arange(60) % 2, 0)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(60))
    ((train, test),) = selection.outer_splits(np.arange(600) % 2, 0)
    assert (train.size, test.size) == (450, 150) and not np.intersect1d(train, test).size


def test_selection_is_tuned_and_compared_with_the_useful_columns(noisy):
    settings = {"learning_rate_init": 0.02, "max_iter": 30}
    problem = selection.Problem("tiny", settings, "log_loss", n_inner=1, n_useful=3)
    group_l1 = selection.METHODS[3]._replace(strengths=(0.02, 100.0))
    assert group_l1.name == "group_l1"
    found = list(selection.compare(problem, *noisy, [7], [selection.METHODS[0], group_l1]))
    assert [record["method"] for record in found] == ["plain", "group_l1", selection.TRUTH]
    assert [record["split"] for record in found] == [7] * 3
    plain, sparse, truth = found
    assert sparse["strength"] == [0.02] * 3  # the other one leaves nothing
    assert (plain["n_active"], plain["n_found"]) == (12, 3)
    assert 0 < sparse["n_active"] < 12 and sparse["n_found"] <= 3
    assert (truth["n_active"], truth["n_found"]) == (3, 3)
    assert truth["log_loss"] < plain["log_loss"]


@pytest.mark.parametrize("method", selection.METHODS + mnist.METHODS, ids=lambda m: m.name)
def test_methods_set_parameters_of_the_estimator(method):
    for strength in method.strengths:
        params = method.params(strength)
        assert params.keys() <= MLPClassifier().get_params().keys()
        if strength:
            values = [
                getattr(value, "get_params", lambda v=value: v)() for value in params.values()
            ]
            assert repr(strength) in repr(values)


def test_images_are_tuned_on_rows_of_their_own():
    rng = np.random.default_rng(0)
    y = np.arange(160) % 2
    X = (y[:, None] + 0.1 * rng.normal(size=(160, 20))).astype(np.float32)
    y[120:] = 1 - y[120:]  # the test rows contradict the others
    methods = mnist.METHODS[0], mnist.METHODS[1]._replace(strengths=(1e3, 1e-4))
    found = list(mnist.compare(X, y, [0], sizes=(100, 20, 120), methods=methods))
    assert [record["method"] for record in found] == ["plain", "l2"]
    assert found[1]["strength"] == 1e-4
    assert found[0]["accuracy"] == 0.0 and found[0]["log_loss"] > 1


def test_log_likelihood_is_that_of_a_mixture_of_normals():
    error = np.array([[0.5, -1.0, 2.0], [0.0, 1.0, -0.5]])
    density = norm(scale=0.5).pdf(error).mean(axis=0)  # a precision of 4
    assert uci.log_likelihood(error, 4.0) == pytest.approx(np.log(density).mean())


def test_precision_of_a_single_draw_is_one_over_the_squared_error():
    error = np.random.default_rng(0).normal(size=(1, 1000))
    assert uci.best_precision(error) == pytest.approx(1 / np.mean(error**2))


def test_rmse_is_that_of_the_mean_draw():
    assert uci.rmse(np.array([[3.0, 4.0], [1.0, -4.0]])) == pytest.approx(math.sqrt(2))


def test_forecasts_are_in_the_units_of_the_targets():
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = 1000.0 + 50.0 * X[:, 0]
    task = uci.Task("line", 0.05, (0.0, 0.0), (0.0, 0.0), epochs=10)
    codes = np.zeros((1, 60), dtype=np.int8)
    codes[0, :12] = 1
    plain, draws, averaged = uci.compare(task, X, y, codes)
    assert [one["method"] for one in (plain, draws, averaged)] == ["plain", uci.DRAWS, uci.AVERAGE]
    assert all(one["data"] == "gal_line" and one["split"] == 0 for one in (plain, draws))
    spread = y[:12].std()
    assert plain["rmse"] < spread and averaged["rmse"] < 2 * spread
    assert len({one["rmse"] for one in (plain, draws, averaged)}) == 3
    assert draws["log_likelihood"] > norm(scale=2 * spread).logpdf(2 * spread)


def test_tables_show_means_errors_and_gains():
    found = records(plain=[0.5, 0.75, 0.5], better=[0.75, 1.0, 0.875])
    lines = tables.of_methods(found, "set").splitlines()
    assert "0.583 +- 0.083" in lines[2] and "| -" not in lines[2][:20]
    assert "0.875 +- 0.072" in lines[3] and "+0.292 +- 0.042 *" in lines[3]


def test_verdicts_are_honest():
    found = records(plain=[0.5, 0.75, 0.5], better=[0.75, 1.0, 0.875], same=[0.75, 0.5, 0.5])
    found += records(worse=[0.25, 0.5, 0.25])
    assert list(tables.verdicts(found)) == [
        "better pays: set (accuracy +0.292 +- 0.042).",
        "same pays nowhere here.",
        "worse pays nowhere here; costs: set (accuracy -0.250 +- 0.000).",
    ]


def test_methods_that_build_on_others_are_compared_with_them():
    found = records(plain=[0.5] * 3, group_l1=[0.5, 0.75, 0.625])
    found += [record | {"method": "group_l1, reweighted"} for record in records(a=[1.0] * 3)]
    assert list(tables.verdicts(found))[-1] == (
        "group_l1, reweighted, against group_l1: set (accuracy +0.375 +- 0.072)."
    )
    found += records(**{"dropout, both": [0.5] * 3, "dropout, both, max_norm": [0.5] * 3})
    assert list(tables.verdicts(found))[-2] == (
        "dropout, both, max_norm, against dropout, both: no clear difference."
    )


def test_gains_in_log_loss_alone_are_called_that():
    found = [record | {"log_loss": 1.0} for record in records(plain=[0.5, 0.75])]
    found += [record | {"log_loss": 0.5} for record in records(l2=[0.5, 0.75])]
    assert list(tables.verdicts(found)) == [
        "l2 pays: set (log loss +0.500 +- 0.000); no clear gain in accuracy: set."
    ]


def test_chosen_strengths_are_listed_once():
    found = [{"method": "l1", "strength": one} for one in ([0.25, 1e-3], [1e-3, 1e-3])]
    assert tables.chosen(found, "l1") == "0.001 0.25"
    assert tables.chosen([{"method": "plain", "strength": None}], "plain") == "-"


@pytest.mark.parametrize(
    ("ours", "sign", "away", "verdict"),
    [
        ((5.0, 0.3), -1, "+0.0 errors", "within errors"),
        ((4.0, 0.3), -1, "+2.0 errors", "within errors"),
        ((3.0, 0.3), -1, "+4.0 errors", "better"),
        ((3.0, 0.3), 1, "-4.0 errors", "worse"),
        ((3.0, math.nan), 1, "-", "-"),
    ],
)
def test_distance_from_the_paper_is_in_errors_of_the_difference(ours, sign, away, verdict):
    assert tables.comparison(ours, (5.0, 0.4), sign) == [away, verdict]


def test_report_has_all_parts():
    task = uci.TASKS[0]
    scores = {uci.DRAWS: (2.9, -2.4), "plain": (3.0, -2.5), uci.AVERAGE: (2.8, -2.3)}
    forecasts = [
        {"data": task.data, "method": method, "split": split, "rmse": rmse + split / 10,
         "log_likelihood": value + split / 10}
        for method, (rmse, value) in scores.items()
        for split in range(2)
    ]  # fmt: skip
    text = command.report({"mnist": records(plain=[0.5, 0.5], l2=[0.5, 0.5]), "uci": forecasts})
    assert "RMSE, plain" in text and "log-likelihood, Monte-Carlo dropout" in text
    assert "3.050 +- 0.050" in text and "2.98 +- 0.19" in text and "within errors" in text
    assert "l2 pays nowhere here." in text
    assert "weight_averaging: RMSE" in text


def test_numbers_are_kept_one_record_per_line():
    results = {"machine": {"cores": 2}, "mnist": records(plain=[0.5, 0.25]), "uci": []}
    text = command.as_json(results)
    assert json.loads(text) == results and sum("accuracy" in one for one in text.split("\n")) == 2


def test_a_part_that_is_measured_anew_leaves_the_others_with_their_machine(tmp_path):
    path, numbers = tmp_path / "deep" / "numbers.json", records(plain=[0.5])
    command.keep(path, {"selection": numbers, "mnist": []}, {"cpu": "old"})
    command.keep(path, {"mnist": numbers}, {"cpu": "new"})
    kept = json.loads(path.read_text())
    assert kept["machine"] == {"selection": {"cpu": "old"}, "mnist": {"cpu": "new"}}
    assert kept["selection"] == kept["mnist"] == numbers


def test_without_data_everything_is_skipped(nowhere, capsys):
    command.main(["--json", str(nowhere / "numbers" / "none.json")])
    kept = json.loads((nowhere / "numbers" / "none.json").read_text())
    assert all(kept["machine"][part]["cpu"] for part in command.PARTS)
    assert [kept[part] for part in command.PARTS] == [[], [], []]
    assert capsys.readouterr().err.count("is skipped") == 2 + 1 + len(uci.TASKS)
