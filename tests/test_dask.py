"""Searches on a real cluster of two worker processes: the same bits, even when a worker dies."""

import os
import signal
import threading
import time

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from skreg import MLPClassifier, MLPClassifierCV

distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # those of the cluster's own libraries
]

GRID = {"l1": [0.0, 1e-3, 1e-2], "dropout": [0.0, 0.3]}


@pytest.fixture
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y


def search(max_iter=5, **parameters):
    network = MLPClassifier((32,), max_iter=max_iter, random_state=0)
    return GridSearchCV(network, GRID, cv=3, **parameters)


def assert_same_search(one, two):
    for key, column in one.cv_results_.items():
        if key.endswith("_score"):
            np.testing.assert_array_equal(column, two.cv_results_[key], err_msg=key)
    assert one.best_params_ == two.best_params_
    np.testing.assert_array_equal(one.best_estimator_.coefs_[0], two.best_estimator_.coefs_[0])


def test_a_search_finds_the_same_bits(client, digits):
    X, y = digits
    alone = search().fit(X, y)
    with joblib.parallel_config(backend="dask", scatter=[X, y]):
        assert_same_search(alone, search().fit(X, y))


def own_search(max_iter=5, **mode):
    return MLPClassifierCV(
        (32,), l1s=[1e-4, 1e-3, 1e-2], dropouts=[0.0, 0.3], cv=3, max_iter=max_iter,
        random_state=0, **mode,
    )  # fmt: skip


def test_the_cross_validated_estimator_finds_the_same_bits(client, digits):
    X, y = digits
    alone = own_search().fit(X, y)
    with joblib.parallel_config(backend="dask", scatter=[X, y]):
        assert_same_search(alone, own_search().fit(X, y))


def only_holder(client):
    """Return the address of a worker that has an array alone, besides X and y, or None."""
    held = [workers for key, workers in client.who_has().items() if "ndarray" in str(key)]
    alone = [workers[0] for workers in held if len(workers) == 1]
    return alone[0] if len(held) > 2 and alone else None


@pytest.mark.parametrize("mode", [{}, {"warm_path": True}, {"halving": True}], ids=str)
def test_a_search_survives_the_death_of_a_worker(client, digits, mode):
    X, y = digits
    alone = own_search(max_iter=60, **mode).fit(X, y)
    pids, killed = client.run(os.getpid), []

    def kill_one():
        end = time.perf_counter() + 30
        while not killed and time.perf_counter() < end:
            address = only_holder(client)
            if address in pids:
                os.kill(pids[address], signal.SIGKILL)
                killed.append(time.perf_counter())
            time.sleep(0.002)

    killer = threading.Thread(target=kill_one)
    with joblib.parallel_config(backend="dask", scatter=[X, y]):
        killer.start()
        far = own_search(max_iter=60, **mode).fit(X, y)
        ended = time.perf_counter()
    killer.join()
    assert killed and killed[0] < ended, "the search was over before a worker died"
    assert_same_search(alone, far)


@pytest.mark.parametrize("make", [search, own_search])
def test_data_travels_once(client, digits, make, monkeypatch):
    X, y = digits
    scatter, sent = client.scatter, []

    def counted(data, **options):
        parts = data if isinstance(data, list) else [data]
        sent.extend(part.nbytes for part in parts)
        return scatter(data, **options)

    monkeypatch.setattr(client, "scatter", counted)
    with joblib.parallel_config(backend="dask", scatter=[X, y]):
        make().fit(X, y)
    assert sent.count(X.nbytes) == 1
    # Besides, targets and the rows of folds: nothing as large as the features.
    assert sum(sent) < 1.1 * X.nbytes
