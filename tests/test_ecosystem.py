"""The estimators among the tools that people use them with, each on real data."""

import warnings

import joblib
import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SelectFromModel
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_validate,
    learning_curve,
    train_test_split,
    validation_curve,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, StandardScaler

from skreg import MLPClassifier, MLPRegressor
from skreg.augmentation import GaussianNoise, Mixup

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, random_state=0)


def network(**parameters):
    settings = {"max_iter": 15, "learning_rate_init": 0.01, "random_state": 0, **parameters}
    return MLPClassifier((32,), **settings)


# Searches.


def test_grid_search_over_everything_in_a_pipeline(digits):
    X, X_test, y, y_test = digits
    grid = {
        "mlp__l1": [0.0, 1e-3],
        "mlp__dropout": [0.0, 0.2],
        "mlp__augmentation": [None, GaussianNoise(0.1), [GaussianNoise(0.1), Mixup(0.2)]],
    }
    pipeline = Pipeline([("scale", StandardScaler()), ("mlp", network(max_iter=6))])
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 12
    assert search.score(X_test, y_test) > 0.94


def test_parameters_of_transforms_are_search_parameters(digits):
    X, _, y, _ = digits
    estimator = network(max_iter=4, augmentation=GaussianNoise(0.1))
    grid = {"augmentation__scale": [0.0, 50.0]}
    search = GridSearchCV(estimator, grid, cv=3).fit(X, y)
    assert search.best_params_ == {"augmentation__scale": 0.0}
    quiet, loud = search.cv_results_["mean_test_score"]
    assert quiet > loud + 0.2
    assert estimator.augmentation.scale == 0.1


def test_randomized_search_is_reproducible(digits):
    X, _, y, _ = digits
    distributions = {"l1": loguniform(1e-5, 1e-1), "group_l1": loguniform(1e-6, 1e-2)}
    searches = [
        RandomizedSearchCV(network(max_iter=5), distributions, n_iter=5, cv=3, random_state=0)
        for _ in range(2)
    ]
    one, two = (search.fit(X, y).cv_results_["mean_test_score"] for search in searches)
    np.testing.assert_array_equal(one, two)
    assert searches[0].best_params_["l1"] < 1e-2


def test_halving_with_epochs_as_the_resource(digits):
    X, X_test, y, y_test = digits
    search = HalvingGridSearchCV(
        network(), {"l2": [1e-5, 1e-3, 10.0]}, resource="max_iter", min_resources=5,
        max_resources=45, cv=3, random_state=0,
    ).fit(X, y)  # fmt: skip
    assert search.n_resources_ == [5, 15]
    assert search.best_params_["l2"] < 10 and search.score(X_test, y_test) > 0.9


@pytest.mark.parametrize("curve", (learning_curve, validation_curve))
def test_curves(digits, curve):
    X, _, y, _ = digits
    if curve is learning_curve:
        _, train, test = learning_curve(network(), X, y, train_sizes=[0.1, 1.0], cv=3)
        assert test[1].mean() > test[0].mean() + 0.05
    else:
        train, test = validation_curve(
            network(), X, y, param_name="l1", param_range=[1e-4, 1.0], cv=3
        )
        assert test[0].mean() > 0.9 and test[1].mean() < 0.3
    assert train.shape == test.shape == (2, 3)


def test_cross_validate_with_weights(digits):
    X, _, y, _ = digits
    weight = np.where(y < 5, 1.0, 0.0)
    scores = cross_validate(network(), X, y, cv=3, params={"sample_weight": weight},
                            return_estimator=True)  # fmt: skip
    for estimator in scores["estimator"]:
        assert set(estimator.predict(X)) == set(range(5))


def test_optuna_prunes_by_the_scores_of_epochs():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    X, X_val, y, y_val = train_test_split(*load_digits(return_X_y=True), random_state=0)

    def objective(trial):
        estimator = network(l1=trial.suggest_float("l1", 1e-5, 10.0, log=True))
        for epoch in range(8):
            estimator.partial_fit(X, y, classes=range(10), X_val=X_val, y_val=y_val)
            trial.report(estimator.history_["validation_score"][-1], epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return estimator.history_["validation_score"][-1]

    pruner = optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1)
    sampler = optuna.samplers.TPESampler(seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    study.optimize(objective, n_trials=10)
    states = [trial.state.name for trial in study.trials]
    assert {"COMPLETE", "PRUNED"} == set(states)
    assert study.best_value > 0.9 and study.best_params["l1"] < 0.1


# Ensembles and wrappers.


def test_bagging_votes_better_than_it_might(digits):
    X, X_test, y, y_test = digits
    bag = BaggingClassifier(network(), n_estimators=5, max_samples=0.5, random_state=0).fit(X, y)
    single = [member.score(X_test, y_test) for member in bag.estimators_]
    assert bag.score(X_test, y_test) >= np.mean(single)


def test_voting_and_calibration():
    X, X_test, y, y_test = train_test_split(*load_breast_cancer(return_X_y=True), random_state=0)
    scaled = make_pipeline(StandardScaler(), network(max_iter=60))
    vote = VotingClassifier(
        [("mlp", scaled), ("lr", make_pipeline(StandardScaler(), LogisticRegression()))],
        voting="soft",
    ).fit(X, y)
    assert vote.score(X_test, y_test) > 0.95
    calibrated = CalibratedClassifierCV(scaled, cv=3, method="sigmoid").fit(X, y)
    proba = calibrated.predict_proba(X_test)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert log_loss(y_test, proba) < 0.15


def test_a_selector_keeps_the_features_that_the_network_uses():
    X, y = load_diabetes(return_X_y=True)
    X = np.hstack([X, np.random.default_rng(0).normal(size=(len(X), 20))])
    selecting = MLPRegressor(
        (), group_l1=0.1, l2=0.0, learning_rate="cosine", learning_rate_init=0.02,
        max_iter=300, random_state=0,
    )  # fmt: skip
    y = (y - y.mean()) / y.std()
    pipeline = make_pipeline(
        StandardScaler(),
        SelectFromModel(selecting, threshold=1e-10),
        MLPRegressor((8,), l2=1e-2, learning_rate_init=0.01, random_state=0),
    ).fit(X, y)
    kept = pipeline[1].get_support(indices=True)
    np.testing.assert_array_equal(kept, pipeline[1].estimator_.active_features_)
    assert {2, 8} <= set(kept) and len(kept) < 8
    assert pipeline.score(X, y) > 0.4


def test_transformed_targets():
    X, y = load_diabetes(return_X_y=True)
    inner = MLPRegressor((16,), learning_rate_init=0.01, random_state=0)
    target = TransformedTargetRegressor(inner, transformer=StandardScaler())
    assert make_pipeline(StandardScaler(), target).fit(X, y).score(X, y) > 0.5


def test_one_network_per_output():
    X, y = load_iris(return_X_y=True)
    Y = np.c_[y, y == 1]
    model = make_pipeline(MinMaxScaler(), MultiOutputClassifier(network(max_iter=200))).fit(X, Y)
    assert (model.predict(X) == Y).mean() > 0.9


def test_permutation_importance_agrees_with_the_zeros(digits):
    X, _, y, _ = digits
    estimator = network(group_l1=[3e-3, 0], max_iter=30).fit(X, y)
    result = permutation_importance(estimator, X, y, n_repeats=2, random_state=0)
    dead = np.setdiff1d(np.arange(64), estimator.active_features_)
    assert dead.size > 5
    np.testing.assert_array_equal(result.importances_mean[dead], 0)
    assert result.importances_mean.max() > 0.01


# Pipelines.


def test_routing_of_weights_and_validation_rows(digits):
    X, X_val, y, y_val = digits
    weight = np.random.default_rng(0).uniform(0.5, 2, y.size)
    with config_context(enable_metadata_routing=True):
        routed = network(early_stopping=True).set_fit_request(
            X_val=True, y_val=True, sample_weight=True
        )
        scale = StandardScaler().set_fit_request(sample_weight=False)
        steps = [("scale", scale), ("mlp", routed)]
        pipeline = Pipeline(steps, transform_input=["X_val"])
        pipeline.fit(X, y, sample_weight=weight, X_val=X_val, y_val=y_val)
    scaler = StandardScaler().fit(X)
    alone = network(early_stopping=True).fit(
        scaler.transform(X), y, weight, X_val=scaler.transform(X_val), y_val=y_val
    )
    np.testing.assert_array_equal(pipeline[-1].coefs_[0], alone.coefs_[0])
    np.testing.assert_array_equal(pipeline[-1].validation_scores_, alone.validation_scores_)


def test_data_frames_keep_their_names():
    pd = pytest.importorskip("pandas")
    X, y = load_iris(return_X_y=True, as_frame=True)
    pipeline = make_pipeline(
        StandardScaler(), PolynomialFeatures(2, include_bias=False), network()
    ).set_output(transform="pandas")
    pipeline.fit(X, y)
    names = pipeline[-1].feature_names_in_
    assert names[0] == "sepal length (cm)" and len(names) == 14
    assert pipeline.predict(X).shape == (150,)
    groups = [["sepal length (cm)", "petal length (cm)"]]
    grouped = network(group_l1=0.02, feature_groups=groups).fit(X, y)
    alive = (grouped.coefs_[0] != 0).any(axis=1)
    assert alive[0] == alive[2]
    assert isinstance(X, pd.DataFrame)


# Parallel searches.


def threads_while_fitting(estimator, X, y):
    """Return how many threads a fit took, from inside a worker."""
    import threading

    counts = []

    def scorer(estimator, X, y):
        counts.append(threading.active_count())
        return 0.0

    before = threading.active_count()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.set_params(scoring=scorer, max_iter=2).fit(X, y, X_val=X[:50], y_val=y[:50])
    return max(counts) - before


@pytest.mark.parametrize("backend", ("loky", "threading"))
def test_fits_inside_a_parallel_region_take_one_thread(digits, backend):
    X, _, y, _ = digits
    estimator = MLPClassifier((256, 256), random_state=0, n_jobs=None)
    with joblib.parallel_config(backend, n_jobs=2):
        more = joblib.Parallel()(
            joblib.delayed(threads_while_fitting)(estimator, X, y) for _ in range(2)
        )
    if backend == "loky":
        assert more == [0, 0]
    else:  # the other worker's thread is alive, too
        assert max(more) <= 1


@pytest.mark.parametrize("backend", ("loky", "threading"))
def test_a_parallel_search_finds_the_same(digits, backend):
    X, _, y, _ = digits
    grid = {"l1": [1e-4, 1e-2], "dropout": [0.0, 0.3]}
    alone = GridSearchCV(network(max_iter=4), grid, cv=3).fit(X, y)
    with joblib.parallel_config(backend):
        both = GridSearchCV(network(max_iter=4), grid, cv=3, n_jobs=2).fit(X, y)
    for key in ("mean_test_score", "split0_test_score", "split2_test_score"):
        np.testing.assert_array_equal(both.cv_results_[key], alone.cv_results_[key])
    np.testing.assert_array_equal(both.best_estimator_.coefs_[0], alone.best_estimator_.coefs_[0])


def compilations():
    """Return how many programs this process compiled and how many it loaded."""
    from skreg._kernels import epoch

    stats = getattr(epoch.run, "stats", None)
    return None if stats is None else (len(stats.cache_misses), len(stats.cache_hits))


def fit_and_count(X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network(max_iter=1).fit(X, y)
    return compilations()


def test_workers_load_what_is_compiled(digits):
    X, _, y, _ = digits
    if fit_and_count(X, y) is None:
        pytest.skip("without the compiler there is nothing to load")
    with joblib.parallel_config("loky", n_jobs=2):
        counts = joblib.Parallel()(joblib.delayed(fit_and_count)(X, y) for _ in range(4))
    assert {misses for misses, _ in counts} == {0}


@pytest.mark.parametrize("Network", [MLPClassifier, MLPRegressor])
@pytest.mark.filterwarnings("ignore")  # those of Dask
def test_targets_of_a_dask_series_are_those_of_pandas(Network):
    pd, dd = pytest.importorskip("pandas"), pytest.importorskip("dask.dataframe")
    X, y = load_iris(return_X_y=True)
    X, y = pd.DataFrame(X, columns=list("abcd")), pd.Series(y)
    lazy = dd.from_pandas(X, npartitions=2), dd.from_pandas(y, npartitions=2)
    expected, found = (
        Network((4,), max_iter=3, random_state=0).fit(*rows, X_val=rows[0], y_val=rows[1])
        for rows in ((X, y), lazy)
    )
    np.testing.assert_array_equal(found.coefs_[0], expected.coefs_[0])
    scores = (network.history_["validation_score"] for network in (expected, found))
    np.testing.assert_array_equal(*scores)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        found.fit(lazy[0], dd.from_pandas(y.where(y > 0), npartitions=2))


def test_two_hundred_fits_keep_no_memory(digits):
    resource = pytest.importorskip("resource")
    X, _, y, _ = digits
    X, y = X[:300], y[:300]
    estimator = MLPClassifier((200,), l1=1e-3, dropout=0.2, max_iter=1, n_jobs=2, random_state=0)

    def fit(times):
        for _ in range(times):
            estimator.fit(X, y).predict(X)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    before = fit(50)
    assert fit(200) - before < 10 * 2**20  # one fit allocates more than a twentieth of that
