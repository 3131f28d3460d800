"""The package itself."""

from benchmarks.peers.sklearn_peer import fitted, settings
from skreg import MLPClassifier


def supports(workload):
    """Return True: every row of the table can be done."""
    return True


def prepare(workload, dtype, n_threads):
    """Return one fit on a team of ``n_threads``."""
    X, y = workload.load(dtype)
    extras = {"l2": 0.0, "dropout": workload.dropout, "n_jobs": n_threads}

    def fit():
        return fitted(MLPClassifier(**extras, **settings(workload)), X, y).loss_

    return fit
