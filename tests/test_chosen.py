"""A search as an estimator among others: what it answers is what the chosen network answers."""

import inspect
import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.metrics import get_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skreg import MLPClassifierCV, MLPRegressorCV
from tests.searches import (
    DIABETES_X,
    DIABETES_Y,
    ESTIMATORS,
    IRIS_X,
    IRIS_Y,
    L1S,
    QUICK,
)


@pytest.mark.parametrize("CV", ESTIMATORS)
def test_without_refit_there_is_no_network(CV):
    X, y = (IRIS_X, IRIS_Y) if CV is MLPClassifierCV else (DIABETES_X, DIABETES_Y)
    search = CV(**QUICK, l1s=L1S, cv=2)
    with pytest.raises(NotFittedError):
        search.predict(X)
    search.set_params(refit=False).fit(X, y)
    assert search.l1_ in L1S
    assert not hasattr(search, "best_estimator_")
    assert not hasattr(search, "coefs_")
    with pytest.raises(AttributeError, match="predict needs the network .* refit=True, or fit"):
        search.predict(X)


@pytest.mark.parametrize(
    "name",
    ["predict", "predict_proba", "predict_log_proba", "decision_function", "compress",
     "sample_predictions", "penalty_breakdown"],
)  # fmt: skip
def test_without_refit_there_are_no_methods_of_the_network(name):
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2)
    assert hasattr(search, name)
    search.set_params(refit=False)
    assert not hasattr(search, name)
    search.fit(IRIS_X, IRIS_Y)
    assert not hasattr(search, name)
    assert callable(getattr(search.set_params(refit=True).fit(IRIS_X, IRIS_Y), name))
    assert inspect.getdoc(getattr(MLPClassifierCV, name)).startswith(("Predict", "Return", "Draw"))


class Linear(MLPRegressorCV):
    """A search with fewer parameters, and settings of its own."""

    def __init__(self, l1s=None):
        super().__init__((), l1s=l1s, solver="lbfgs", max_iter=50)


def test_subclasses_may_have_fewer_parameters():
    search = clone(Linear(l1s=[1e-3, 1e-1])).fit(DIABETES_X, DIABETES_Y)
    assert [coef.shape for coef in search.coefs_] == [(10, 1)]
    assert (search.best_estimator_.solver, search.best_estimator_.max_iter) == ("lbfgs", 50)


def test_what_the_chosen_network_answers():
    search = MLPClassifierCV(**QUICK, l1s=L1S, dropout=0.2, cv=2).fit(IRIS_X, IRIS_Y)
    best = search.best_estimator_
    for name in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        np.testing.assert_array_equal(getattr(search, name)(IRIS_X), getattr(best, name)(IRIS_X))
    draws = search.sample_predictions(IRIS_X, 3, random_state=0)
    np.testing.assert_array_equal(draws, best.sample_predictions(IRIS_X, 3, random_state=0))
    probabilities = search.predict_proba(IRIS_X, 3, random_state=0)
    np.testing.assert_allclose(probabilities, draws.mean(axis=0), rtol=1e-12)
    assert search.penalty_breakdown(IRIS_X, IRIS_Y) == best.penalty_breakdown(IRIS_X, IRIS_Y)
    np.testing.assert_allclose(search.compress().predict_proba(IRIS_X), best.predict_proba(IRIS_X))
    names = ["classes_", "loss_", "n_nonzero_", "feature_importances_", "history_", "t_"]
    for name in names:
        assert repr(getattr(search, name)) == repr(getattr(best, name))


def test_regressors_draw():
    search = MLPRegressorCV(**QUICK, dropout=0.2, l1s=[0.1], cv=2).fit(DIABETES_X, DIABETES_Y)
    mean, std = search.predict(DIABETES_X, True, n_draws=5, random_state=0)
    other = search.best_estimator_.predict(DIABETES_X, True, n_draws=5, random_state=0)
    np.testing.assert_array_equal(mean, other[0])
    np.testing.assert_array_equal(std, other[1])


def test_in_a_pipeline_pickled_and_cloned():
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2)
    pipeline = make_pipeline(StandardScaler(), search).fit(IRIS_X, IRIS_Y)
    again = pickle.loads(pickle.dumps(pipeline))
    np.testing.assert_array_equal(again.predict(IRIS_X), pipeline.predict(IRIS_X))
    assert repr(clone(search).get_params()) == repr(search.get_params())
    assert is_classifier(search)
    assert is_regressor(MLPRegressorCV())
    assert get_tags(search).classifier_tags.multi_label


def test_score_goes_by_scoring():
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2, scoring="neg_log_loss").fit(IRIS_X, IRIS_Y)
    proba = search.predict_proba(IRIS_X)[np.arange(IRIS_Y.size), IRIS_Y]
    assert search.score(IRIS_X, IRIS_Y) == pytest.approx(np.log(proba).mean())


def test_a_new_fit_forgets_the_last():
    search = MLPClassifierCV(**QUICK, l1s=L1S, cv=2).fit(IRIS_X, IRIS_Y)
    search.set_params(refit=False).fit(IRIS_X[:, :2], IRIS_Y)
    assert search.n_features_in_ == 2
    assert not hasattr(search, "best_estimator_")


def test_scores_are_weighted_only_where_the_scorer_accepts_weights():
    weight = np.random.default_rng(0).random(len(IRIS_Y))
    search = MLPClassifierCV(**QUICK, l1s=[0.0], cv=2).fit(IRIS_X, IRIS_Y)
    assert search.score(IRIS_X, IRIS_Y, weight) == search.best_estimator_.score(
        IRIS_X, IRIS_Y, weight
    )
    search.set_params(scoring=lambda network, X, y: 0.5)
    assert search.score(IRIS_X, IRIS_Y) == 0.5
    with pytest.raises(ValueError, match="does not accept sample_weight; leave it out"):
        search.score(IRIS_X, IRIS_Y, weight)


def test_with_routing_the_score_gets_the_weights_that_the_scorer_requests():
    weight = np.random.default_rng(0).random(len(IRIS_Y))

    def searched(scoring):
        return MLPClassifierCV(**QUICK, l1s=[0.0], cv=2, scoring=scoring).fit(IRIS_X, IRIS_Y)

    with sklearn.config_context(enable_metadata_routing=True):
        asks, asks_not = (
            searched(get_scorer("accuracy").set_score_request(sample_weight=wants))
            for wants in (True, False)
        )
        plain, weighted = (asks.best_estimator_.score(IRIS_X, IRIS_Y, w) for w in (None, weight))
        assert plain != weighted == asks.score(IRIS_X, IRIS_Y, weight)
        for one in (asks_not, searched(lambda network, X, y: 0.5)):
            with pytest.raises(TypeError, match="does not request it; leave it out"):
                one.score(IRIS_X, IRIS_Y, weight)
        # Older releases of scikit-learn ask nothing of a scorer that is called by its name.
        with pytest.raises((UnsetMetadataPassedError, TypeError), match="sample_weight"):
            searched("accuracy").score(IRIS_X, IRIS_Y, weight)
