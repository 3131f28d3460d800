"""When to stop: a score or a loss is observed, a decision comes back. Never an exception."""

import math

import numpy as np

NO_SCORE = (
    "No validation score was a finite number, so early stopping had no weights to prefer and keeps "
    "the latest ones. Look at scoring={!r} on the validation set: some scores need several rows, "
    "or more than one class."
)


class Patience:
    """Count the epochs that did not improve, exactly as scikit-learn's MLP counts them.

    Parameters
    ----------
    watches_score : bool
        True where higher is better (a validation score), False for a training loss.
    tol : float
        An improvement smaller than this does not count.
    n_iter_no_change : int or inf
        More than this many epochs without improvement exhaust the patience.
    n_summed : int
        Of how many outputs the training loss is the sum; ``tol`` is compared with their mean.
    """

    def __init__(self, watches_score, tol, n_iter_no_change, n_summed=1):
        self.watches_score = watches_score
        self.tol = tol
        self.margin = tol if watches_score else tol * n_summed
        self.n_iter_no_change = n_iter_no_change
        self.best = -np.inf if watches_score else np.inf
        self.count = 0

    def observe(self, value):
        """Take the value of an epoch; return whether it is the best so far.

        What is no finite number is no improvement.
        """
        if self.watches_score:
            idle, improved = value < self.best + self.margin, value > self.best
        else:
            idle, improved = value > self.best - self.margin, value < self.best
        idle = idle or not math.isfinite(value)
        self.count = self.count + 1 if idle else 0
        if improved:
            self.best = value
        return improved

    @property
    def exhausted(self):
        """Whether more than ``n_iter_no_change`` epochs in a row did not improve."""
        return self.count > self.n_iter_no_change

    @property
    def least_left(self):
        """How many epochs pass at least before it can be exhausted."""
        return max(self.n_iter_no_change + 1 - self.count, 1)

    def message(self):
        """Say what happened, in scikit-learn's words."""
        what = "Validation score" if self.watches_score else "Training loss"
        return (
            f"{what} did not improve more than tol={self.tol:f} "
            f"for {self.n_iter_no_change} consecutive epochs."
        )
