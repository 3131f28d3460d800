"""Warnings point at the line that called, whatever of scikit-learn and joblib lies between."""

import threading
import warnings

import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg import MLPClassifier, MLPClassifierCV
from skreg._warnings import warn

X, y = load_iris(return_X_y=True)
SHORT = {"hidden_layer_sizes": (4,), "random_state": 0}


def fit():
    MLPClassifier(**SHORT, max_iter=2).fit(X, y)


def fit_too_small_batches():
    MLPClassifier(**SHORT, batch_size=1000, max_iter=1).partial_fit(X, y, classes=[0, 1, 2])


def fit_unstratified():
    MLPClassifier(**SHORT, early_stopping=True, max_iter=2).fit(X[:101], y[:101])


def fit_pipeline():
    make_pipeline(StandardScaler(), MLPClassifier(**SHORT, max_iter=2)).fit(X, y)


def search():
    GridSearchCV(MLPClassifier(**SHORT, max_iter=2), {"l2": [0.1]}, cv=2).fit(X, y)


def search_at_once():
    MLPClassifierCV(**SHORT, max_iter=2, l2s=[0.1], cv=2).fit(X, y)


@pytest.mark.parametrize(
    "call", (fit, fit_too_small_batches, fit_unstratified, fit_pipeline, search, search_at_once)
)
def test_warnings_point_at_the_line_that_called(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert caught
    assert {one.filename for one in caught} == {__file__}


def test_a_worker_without_a_frame_of_the_user_warns_too():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        thread = threading.Thread(target=warn, args=("Slow.", ConvergenceWarning))
        thread.start()
        thread.join()
    assert [str(one.message) for one in caught] == ["Slow."]
    assert caught[0].category is ConvergenceWarning
