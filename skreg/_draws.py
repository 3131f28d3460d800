"""Monte-Carlo dropout: outputs of many networks, each with units dropped as in training.

The draws of a network trained with dropout are approximately draws from the posterior of a
Bayesian network (Gal & Ghahramani 2016, "Dropout as a Bayesian approximation", section 4).
"""

import numpy as np
import scipy.sparse as sp

from skreg._architecture import check_shapes
from skreg._costs import flops_of_outputs
from skreg._engine import Engine
from skreg._entries import most_entries
from skreg._kernels import job as slots
from skreg._parameters import is_integer
from skreg._task import CHUNK_ROWS, Rows
from skreg._threads import Threads

BLOCK_OUTPUTS = 2**21  # numbers at a time: 16 MB in double precision


def check_n_draws(n_draws):
    """Refuse anything but a positive integer."""
    if not is_integer(n_draws) or n_draws < 1:
        raise ValueError(f"n_draws={n_draws!r} must be an integer of at least 1; 100 is usual.")


def draw_blocks(network, parameters, X, n_draws, n_jobs):
    """Yield slices of rows with their draws, which the next block overwrites.

    Every row of every draw has masks of its own, numbered by its place: they do not depend on
    the number of threads.

    Parameters
    ----------
    network : Network
        Its dropout rates and its seed say what is dropped, its link what the outputs are.
    parameters : tuple of two lists of arrays
        Weights and biases, one per layer.
    X : array or CSR of shape (n_samples, n_features)
        Its dtype is that of the computation.
    n_draws : int
        Draws of every row.
    n_jobs : int or None
        Threads.

    Yields
    ------
    rows : slice
        Of ``X``.
    draws : array of shape (n_draws, n_rows, n_outputs)
        Behind the link.
    """
    check_shapes(*parameters, X.shape[1])
    n_rows, n_outputs = X.shape[0], network.units[-1]
    step = min(n_rows, max(1, BLOCK_OUTPUTS // (n_draws * n_outputs)))
    flops = flops_of_outputs(X, network.units, min(CHUNK_ROWS, step * n_draws))
    with (
        Threads(n_jobs, flops, X.dtype) as n_threads,
        Engine(
            network, X.dtype, valid=Rows(X), n_threads=n_threads,
            valid_index=_tiled(0, step, n_draws), for_training=False,
        ) as engine,
    ):  # fmt: skip
        engine.load_arrays(*parameters)
        _make_room(engine, X, step)
        number = 0  # of the masks of the next chunk
        for start in range(0, n_rows, step):
            stop = min(start + step, n_rows)
            index = _tiled(start, stop, n_draws)
            engine.table.put(slots.VALID_ROWS, index)
            outputs = engine.evaluate(draw=number)[0][: index.size]
            number += -(-index.size // engine.job.chunk_size)
            yield slice(start, stop), outputs.reshape(n_draws, stop - start, n_outputs)


def _tiled(start, stop, n_draws):
    """Return the numbers of rows ``start:stop``, once for every draw."""
    return np.tile(np.arange(start, stop, dtype=np.int64), n_draws)


def _make_room(engine, X, n_distinct):
    """Make room for the entries of a chunk of sparse rows of which ``n_distinct`` are repeated."""
    if sp.issparse(X):
        size = engine.job.chunk_size
        n_times = -(-size // n_distinct) + 1  # at most, of each row in a chunk
        n_entries = n_times * most_entries(X, slice(None), min(size, n_distinct))
        engine.table.new(slots.SPARSE, n_entries)
        engine.table.new(slots.COLUMNS, n_entries)
