"""Monte-Carlo dropout on the data, the splits and by the recipe of Gal & Ghahramani (2016).

"Dropout as a Bayesian approximation: representing model uncertainty in deep learning", ICML. One
hidden layer of 50 ReLU units (protein: 100), a probability of dropping inputs and hidden units
per data set, 400 epochs (protein: 200) of Adam at batch 32, a tiny weight penalty. The precision
of the noise is chosen on a fifth of the training rows, by a network that learned from the rest.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp
from sklearn.model_selection import train_test_split

from benchmarks.regularizers import archives
from benchmarks.regularizers.trials import PLAIN, fit_quietly
from skreg import MLPRegressor

DRAWS, AVERAGE = "Monte-Carlo dropout", "weight_averaging"
DECAY = 0.99
N_DRAWS = 500
MOST_VALID = 1000  # rows that choose the precision; more take time and change nothing
LENGTH_SCALE = 0.01  # of the prior in the paper's weight penalty
PRECISIONS = np.geomspace(0.1, 10.0, 41)  # relative to one over the mean squared error


class Task(NamedTuple):
    """A data set, how the paper trains on it, and what it reports: means, standard errors."""

    name: str
    dropout: float
    rmse: tuple[float, float]  # recomputed from its result files, one number per split
    log_likelihood: tuple[float, float]  # table 1; errors from deviations in its repository
    hidden: int = 50
    epochs: int = 400

    @property
    def data(self):
        """Name of the archive."""
        return f"gal_{self.name}"


TASKS = (
    Task("boston", 0.05, (2.979, 0.188), (-2.46, 0.056)),
    Task("concrete", 0.01, (5.232, 0.117), (-3.04, 0.020)),
    Task("energy", 0.05, (1.678, 0.041), (-1.99, 0.020)),
    Task("kin8nm", 0.05, (0.0944, 0.0006), (0.95, 0.007)),
    Task("naval", 0.05, (0.0062, 0.0001), (3.80, 0.011)),
    Task("power", 0.005, (4.021, 0.041), (-2.80, 0.011)),
    Task("protein", 0.005, (4.354, 0.020), (-2.89, 0.004), hidden=100, epochs=200),
    Task("wine_red", 0.05, (0.620, 0.009), (-0.93, 0.013)),
    Task("yacht", 0.01, (1.177, 0.094), (-1.55, 0.027)),
)


def collect(n_splits=None):
    """Yield records of the first splits of each data set; of all by default."""
    for task in TASKS:
        if archives.present([task.data]):
            X, y, archive = archives.load(task.data)
            yield from compare(task, X, y, archive["split_code"][:n_splits])


def compare(task, X, y, codes):
    """Yield the records of one data set.

    Parameters
    ----------
    task : Task
    X : ndarray of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    codes : ndarray of shape (n_splits, n_rows)
        One for the test rows of each split, zero for its training rows.
    """
    for split, code in enumerate(codes):
        train, test = np.flatnonzero(code == 0), np.flatnonzero(code == 1)
        for method, scores in run(task, (X, y), (train, test), split).items():
            yield {"data": task.data, "method": method, "split": split, **scores}


def run(task, rows, split, seed):
    """Return ``{method: scores}`` on the test rows of a split."""
    train, _ = split
    inner, valid = train_test_split(train, test_size=0.2, random_state=seed)
    precisions = {
        name: best_precision(error)
        for name, error in errors(task, rows, (inner, valid[:MOST_VALID]), seed).items()
    }
    scores = {
        name: {"rmse": rmse(error), "log_likelihood": log_likelihood(error, precisions[name])}
        for name, error in errors(task, rows, split, seed).items()
    }
    averaged = errors(task, rows, split, seed, weight_averaging=DECAY)
    return scores | {AVERAGE: {"rmse": rmse(averaged[PLAIN])}}


def errors(task, rows, split, seed, **settings):
    """Return what predictions miss the targets of held-out rows by, in the targets' units.

    Parameters
    ----------
    task : Task
    rows : tuple of X and y
    split : tuple of arrays
        Rows to learn, rows to predict.
    seed : int
    **settings
        More parameters of the estimator.

    Returns
    -------
    errors : dict of arrays of shape (n_draws, n_rows)
        One draw of the plain prediction, `N_DRAWS` of Monte-Carlo dropout.
    """
    (X, y), (train, held_out) = rows, split
    scale = archives.standardizer(X[train])
    mean, spread = y[train].mean(), y[train].std()
    network = regressor(task, train.size, seed, settings)
    fit_quietly(network, scale(X[train]), ((y[train] - mean) / spread).astype(np.float32))
    Z = scale(X[held_out])
    draws = {PLAIN: network.predict(Z)[None], DRAWS: network.sample_predictions(Z, N_DRAWS)[..., 0]}
    return {name: draw * spread + mean - y[held_out] for name, draw in draws.items()}


def regressor(task, n_rows, seed, settings):
    """Return the paper's network; its unit of the penalty is that of a precision of one."""
    return MLPRegressor(
        (task.hidden,), dropout=task.dropout, input_dropout=task.dropout,
        l2=LENGTH_SCALE**2 * (1 - task.dropout) / (2 * n_rows), batch_size=32,
        max_iter=task.epochs, n_iter_no_change=np.inf, random_state=seed, n_jobs=1, **settings,
    )  # fmt: skip


def rmse(error):
    """Return the root mean square over rows of the errors of the mean draw."""
    return float(np.sqrt(np.mean(error.mean(axis=0) ** 2)))


def log_likelihood(error, precision):
    """Return the mean over rows of ``log mean_t N(y; prediction_t, 1 / precision)``.

    Parameters
    ----------
    error : array of shape (n_draws, n_rows)
    precision : float
    """
    per_row = logsumexp(-0.5 * precision * error.astype(np.float64) ** 2, axis=0)
    constant = 0.5 * np.log(precision / (2 * np.pi)) - np.log(len(error))
    return float(per_row.mean() + constant)


def best_precision(error):
    """Return the precision of the noise with the largest log-likelihood."""
    precisions = PRECISIONS / rmse(error) ** 2
    return max(precisions, key=lambda precision: log_likelihood(error, precision))
