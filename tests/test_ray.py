"""Searches on Ray, through its backend for joblib."""

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from skreg import MLPClassifier, MLPClassifierCV

ray = pytest.importorskip("ray")
# Ray says a lot while it starts: of ports, of versions, of what it will do otherwise one day.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
X, Y = load_iris(return_X_y=True)
GIVEN = {"hidden_layer_sizes": (8,), "max_iter": 27, "learning_rate_init": 0.03, "random_state": 0}
L2S = np.geomspace(1e-4, 1, 9)


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """Start two workers of one thread each."""
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    register_ray()
    yield
    ray.shutdown()


def searches():
    network = MLPClassifier(**GIVEN)
    yield GridSearchCV(network, {"l2": L2S}, cv=3, n_jobs=2)
    yield MLPClassifierCV(**GIVEN, l2s=L2S, cv=3, n_jobs=2)
    yield MLPClassifierCV(**GIVEN, l2s=L2S, cv=3, n_jobs=2, halving=True)


def test_searches_find_the_same_bits():
    here = [search.fit(X, Y).cv_results_["mean_test_score"] for search in searches()]
    with parallel_config(backend="ray"):
        there = [search.fit(X, Y).cv_results_["mean_test_score"] for search in searches()]
    for expected, scores in zip(here, there, strict=True):
        np.testing.assert_array_equal(scores, expected)
    np.testing.assert_array_equal(here[0], here[1])
    assert len(set(here[0])) > 2
