"""The stored entries of sparse rows: their order, and the room that batches need."""

import numpy as np
import scipy.sparse as sp

from skreg._architecture import round_up
from skreg._kernels import job as slots
from skreg._kernels.tiles import TILE_ROWS


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
