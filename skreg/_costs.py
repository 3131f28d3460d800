"""What rows cost, in floating-point operations: how many threads take them follows from it."""

import scipy.sparse as sp

from skreg._architecture import n_parameters

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


def flops_of_outputs(X, units, n_rows):
    """Return the operations of the outputs of ``n_rows`` rows, roughly."""
    return 2.0 * n_rows * work_per_row(X, units)


def flops_of_batch(X, units, n_rows, n_updates=1):
    """Return the operations of the gradient of ``n_rows`` rows, and of updates, roughly."""
    flops = 6.0 * n_rows * work_per_row(X, units)
    if sp.issparse(X):  # rows meet few of the weights that are updated
        flops += FLOPS_OF_UPDATE * n_updates * n_parameters(units)
    return flops
