"""Warnings point at the line that called, whatever of scikit-learn and joblib lies between."""

import subprocess
import sys
import threading
import warnings

import pytest
from joblib import parallel_config
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skreg import MLPClassifier, MLPClassifierCV
from skreg._warnings import warn
from tests.copies import PACKAGE

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


def search_in_threads():
    MLPClassifierCV(**SHORT, max_iter=9, l2s=3, cv=2, n_jobs=2, halving=True).fit(X, y)


@pytest.mark.parametrize(
    "call",
    (fit, fit_too_small_batches, fit_unstratified, fit_pipeline, search, search_at_once,
     search_in_threads),
)  # fmt: skip
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


IN_WORKERS = """
import joblib
from sklearn.datasets import load_iris
from skreg import MLPClassifier
X, y = load_iris(return_X_y=True)
fit = joblib.delayed(MLPClassifier((4,), max_iter=2, random_state=0).fit)
joblib.Parallel(2, backend="loky")(fit(X, y) for _ in range(2))
"""


def test_a_worker_process_points_at_us_and_not_at_what_started_it():
    done = subprocess.run([sys.executable, "-c", IN_WORKERS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    warned = [line for line in done.stderr.splitlines() if "ConvergenceWarning: " in line]
    assert len(warned) == 2
    assert all(line.startswith(str(PACKAGE)) for line in warned)


def test_a_worker_thread_of_joblib_points_at_us_or_the_user_and_not_at_its_pool():
    with parallel_config("threading", n_jobs=2), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search()
    assert caught
    assert all(one.filename.startswith((str(PACKAGE), __file__)) for one in caught)
