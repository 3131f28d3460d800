"""The stored entries of sparse rows: how much work they are, and the room that batches need."""

import numpy as np
import scipy.sparse as sp

from skreg._architecture import n_parameters, round_up
from skreg._kernels import job as slots
from skreg._kernels.tiles import TILE_ROWS

# Floating-point operations that take as long as the update of a weight, which waits for memory.
# Where it is nearly all there is to do (1,000 x 100 weights, rows of 10 entries), two threads
# gain 10 %.
FLOPS_OF_UPDATE = 12.0


def work_per_row(X, units):
    """Return the work on a row of X: how many weights and biases a dense row meets in that time.

    It is the mean of sparse rows. Each of their entries fetches weights of its own, which takes
    twice as long as the product with them.
    """
    if not sp.issparse(X):
        return n_parameters(units)
    n_entries = X.nnz / max(X.shape[0], 1)
    return n_parameters(units) + (2 * n_entries - X.shape[1]) * units[1]


def flops_of_batch(X, units, n_rows, n_updates=1):
    """Return the operations of the gradient of ``n_rows`` rows, and of updates, roughly."""
    flops = 6.0 * n_rows * work_per_row(X, units)
    if sp.issparse(X):  # rows meet few of the weights that are updated
        flops += FLOPS_OF_UPDATE * n_updates * n_parameters(units)
    return flops


def canonical(X):
    """Return sparse rows whose entries are sorted and stored once: their sums have one order."""
    if X.has_canonical_format:
        return X
    X = X.copy()
    X.sum_duplicates()
    return X


def most_entries(X, index, n_rows):
    """Return how many stored entries the fullest batch of ``n_rows`` of these rows can have."""
    if not sp.issparse(X):
        return 0
    counts = np.diff(X.indptr)[index]
    if counts.size <= n_rows:
        return int(counts.sum())
    return int(np.partition(counts, -n_rows)[-n_rows:].sum())


def put_entries(table, sets, n_rows, for_training):
    """Make room for the entries of the fullest batch of sparse rows.

    ``sets`` are X and the index of the rows to learn from, and of those to validate on. What is
    learned from is sorted by column, too.
    """
    (X, _), _ = sets
    n_train, n_valid = (most_entries(X, index, n_rows) for X, index in sets)
    table.new(slots.SPARSE, max(n_train, n_valid))
    table.new(slots.COLUMNS, max(n_train, n_valid))
    if for_training and sp.issparse(X):
        table.new(slots.BY_COLUMN, n_train)
        table.new(slots.BATCH_ROWS, n_train)
        table.new(slots.COLUMN_ENDS, round_up(X.shape[1], TILE_ROWS))
