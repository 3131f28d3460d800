"""scikit-learn's own multi-layer perceptron."""

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.peers import LEARNING_RATE

ACTIVATIONS = ("identity", "logistic", "tanh", "relu")


def supports(workload):
    """Return whether scikit-learn has the activation, and no dropout is asked for."""
    return workload.activation in ACTIVATIONS and workload.dropout == 0


def settings(workload):
    """Return the parameters that both scikit-learn and its supersets take."""
    return {
        "hidden_layer_sizes": workload.hidden,
        "activation": workload.activation,
        "batch_size": workload.batch_size,
        "max_iter": workload.epochs,
        "learning_rate_init": LEARNING_RATE,
        "tol": 0.0,
        "n_iter_no_change": workload.epochs + 1,
        "random_state": 0,
    }


def prepare(workload, dtype, n_threads):
    """Return one fit; BLAS has got its number of threads from the environment."""
    X, y = workload.load(dtype)

    def fit():
        return fitted(MLPClassifier(alpha=0.0, **settings(workload)), X, y).loss_

    return fit


def fitted(model, X, y):
    """Fit without the warning that the last epoch was reached: that is what is asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)
