"""Metadata under the names by which splitters and scorers ask for it."""

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg import MLPClassifier, MLPClassifierCV

X, Y = load_iris(return_X_y=True)
WEIGHT = np.random.default_rng(0).random(Y.size)
GROUPS = np.arange(Y.size) % 7
QUICK = {"hidden_layer_sizes": (6,), "max_iter": 5, "learning_rate_init": 0.01, "random_state": 0}


@pytest.fixture(autouse=True)
def with_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def asking(estimator):
    return estimator.set_fit_request(sample_weight="ww").set_score_request(sample_weight="ww")


def make_search(**more):
    return asking(MLPClassifierCV(**QUICK, l2s=[1e-3, 1.0], cv=2, **more))


def theirs():
    search = GridSearchCV(asking(MLPClassifier(**QUICK)), {"l2": [1e-3, 1.0]}, cv=2)
    return search.fit(X, Y, ww=WEIGHT)


@pytest.mark.parametrize("name", ["sample_weight", "ww"])
def test_weights_of_another_name_reach_the_scorer(name):
    given = {"sample_weight": WEIGHT, name: WEIGHT}
    found = make_search().fit(X, Y, **given).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(found, theirs().cv_results_["mean_test_score"])


def test_weights_of_another_name_come_through_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), make_search()).fit(X, Y, ww=WEIGHT)
    alone = make_search().fit(StandardScaler().fit_transform(X), Y, sample_weight=WEIGHT)
    assert pipeline[-1].best_score_ == alone.best_score_


def test_weights_of_another_name_come_through_cross_validation():
    found = cross_validate(make_search(), X, Y, cv=3, params={"ww": WEIGHT}, error_score="raise")
    assert np.isfinite(found["test_score"]).all()


def test_a_scorer_may_have_a_name_of_its_own():
    scorer = make_scorer(accuracy_score).set_score_request(sample_weight="of_scores")
    search = MLPClassifierCV(**QUICK, l2s=[1e-3], cv=2, scoring=scorer)
    plain = search.fit(X, Y, sample_weight=WEIGHT).best_score_
    weighted = search.fit(X, Y, sample_weight=WEIGHT, of_scores=WEIGHT).best_score_
    assert plain != weighted
    score = search.score(X, Y, of_scores=WEIGHT)
    assert score == accuracy_score(Y, search.predict(X), sample_weight=WEIGHT)


def test_groups_of_another_name_reach_the_splitter():
    cv = GroupKFold(2).set_split_request(groups="gg")
    search = MLPClassifierCV(**QUICK, l2s=[1e-3], cv=cv).fit(X, Y, gg=GROUPS)
    expected = MLPClassifierCV(**QUICK, l2s=[1e-3], cv=GroupKFold(2)).fit(X, Y, groups=GROUPS)
    assert search.best_score_ == expected.best_score_


def test_what_nobody_asks_for_is_refused():
    with pytest.raises(TypeError, match="unexpected argument.*nobody"):
        make_search().fit(X, Y, nobody=GROUPS)
    with sklearn.config_context(enable_metadata_routing=False):
        search = MLPClassifierCV(**QUICK, l2s=[1e-3], cv=2)
        message = r"MLPClassifierCV.fit\(\) got an unexpected keyword argument 'ww'"
        with pytest.raises(TypeError, match=message):
            search.fit(X, Y, ww=WEIGHT)
        with pytest.raises(TypeError, match=r"MLPClassifierCV.score\(\) got an unexpected"):
            search.fit(X, Y).score(X, Y, ww=WEIGHT)
