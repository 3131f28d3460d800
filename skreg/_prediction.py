"""From a fitted network and rows to outputs, a block of rows at a time."""

import threading
from itertools import cycle

import numba
import numpy as np
import scipy.sparse as sp

from skreg._architecture import check_shapes, n_parameters, round_up
from skreg._costs import flops_of_outputs
from skreg._engine import Engine
from skreg._entries import canonical
from skreg._kernels.layer import dense_layer, sparse_layer
from skreg._kernels.links import LINK_IDENTITY, apply_link
from skreg._kernels.outputs import OutputShape
from skreg._kernels.simd import lanes
from skreg._kernels.sparse import Entries
from skreg._kernels.tiles import TILE_ROWS
from skreg._task import Rows
from skreg._threads import VECTORS_PER_THREAD, Threads

BLOCK_ROWS = 1024  # at a time: their activations stay small, and packing weights for them pays
# Operations on whole vectors, in all, for which a further thread is started.
VECTORS_PER_START = 3e6
# An engine, which packs all weights once and passes over zeros, pays for more dense rows than these
# on each thread of a network whose weights are more than these bytes. The entries of sparse rows
# meet the weights in place as fast as packed ones.
NOT_MANY_ROWS, SMALL_NETWORK = 2048, 131_072


def predict_outputs(network, parameters, X, n_jobs):
    """Return the outputs (n_samples, n_outputs) of the plain network, behind ``network.link``.

    Parameters
    ----------
    network : Network
    parameters : tuple of two lists of arrays
        Weights and biases, one per layer.
    X : array or CSR of shape (n_samples, n_features)
        Its dtype is that of the computation.
    n_jobs : int or None
        Threads.
    """
    check_shapes(*parameters, X.shape[1])
    if X.shape[0] <= TILE_ROWS and not numba.config.DISABLE_JIT:
        return _outputs_of_blocks(network, parameters, X, 1)  # one tile is nothing to share
    with Threads(n_jobs, _flops(X, network), X.dtype) as n_threads:
        if _needs_engine(network, X, n_threads):
            return _outputs_of_engine(network, parameters, X, n_threads)
        return _outputs_of_blocks(network, parameters, X, n_threads)


def _flops(X, network):
    """Return the operations of all rows, in the measure of `Threads`.

    That wants `VECTORS_PER_THREAD` for each thread, which here has to do `VECTORS_PER_START`.
    """
    flops = flops_of_outputs(X, network.units, X.shape[0])
    return flops * VECTORS_PER_THREAD / VECTORS_PER_START


def _needs_engine(network, X, n_threads):
    is_small = n_parameters(network.units) * X.dtype.itemsize <= SMALL_NETWORK
    has_many = X.shape[0] > NOT_MANY_ROWS * n_threads
    pays = has_many and not is_small and not sp.issparse(X)
    return numba.config.DISABLE_JIT or pays


def _outputs_of_engine(network, parameters, X, n_threads):
    with Engine(network, X.dtype, valid=Rows(X), n_threads=n_threads, for_training=False) as engine:
        engine.load_arrays(*parameters)
        return engine.evaluate()[0]


def _outputs_of_blocks(network, parameters, X, n_threads):
    """Return what an engine would, to the bit."""
    parts = zip(*parameters, network.activations, strict=True)
    layers, rows = [_layer(*part, X.dtype) for part in parts], _readable(X)
    size = _rows_of_block(X.shape[0], n_threads)
    room = size * max(bias.size for _, bias, _ in layers)
    out = np.empty((X.shape[0], network.units[-1]), X.dtype)
    starts = iter(range(0, X.shape[0], size))  # a thread that is done takes the next

    def work():
        rooms = np.empty((2, room), X.dtype)  # for the activations of two layers in turns
        for start in starts:
            block = out[start : start + size]
            block[:] = _outputs(_block(rows, start, size), len(block), network, layers, rooms)

    _run_together(work, n_threads, starts)
    return out


def _rows_of_block(n_rows, n_threads):
    """Return how many rows are taken at a time: whole tiles, shared as evenly as these can be."""
    n_blocks = round_up(-(-n_rows // BLOCK_ROWS), n_threads)
    return round_up(-(-n_rows // n_blocks), TILE_ROWS)


def _run_together(work, n_threads, starts):
    """Call ``work`` from several threads, this one included."""
    if n_threads == 1:
        return work()
    errors = []

    def assist():
        try:
            work()
        except BaseException as error:  # it is raised again by the caller
            errors.append(error)
            end()

    def end():  # nobody begins another block
        for _ in starts:
            pass

    others = [threading.Thread(target=assist) for _ in range(n_threads - 1)]
    try:
        for other in others:
            other.start()
        work()
    finally:
        end()
        for other in others:
            if other.ident is not None:
                other.join()
    if errors:
        raise errors[0]


def _layer(coef, intercept, code, dtype):
    """Return weights and padded bias of the rows' dtype, whatever the user's, and the code."""
    bias = np.zeros(round_up(intercept.size, lanes(dtype)), dtype)
    bias[: intercept.size] = intercept
    return _plain(coef, dtype), bias, code


def _readable(X):
    """Return what blocks are cut from: an array as it is, of sparse rows the entries."""
    if not sp.issparse(X):
        return X
    X = canonical(X)
    ends = _plain(X.indptr[1:], np.int64)
    return Entries(_plain(X.data, X.dtype), _plain(X.indices, np.int32), 0, ends)


def _block(rows, start, size):
    """Return consecutive rows as kernels read them: a vector, or entries."""
    if isinstance(rows, Entries):
        first = rows.ends[start - 1] if start else 0
        return rows._replace(start=first, ends=rows.ends[start : start + size])
    return _plain(rows[start : start + size], rows.dtype).reshape(-1)


def _outputs(rows, n_rows, network, layers, rooms):
    """Take some rows through all layers, whose activations are written to ``rooms`` in turns."""
    values, lead = rows, network.units[0]
    for (coef, bias, code), room in zip(layers, cycle(rooms)):
        out = room[: n_rows * bias.size]
        if isinstance(values, Entries):
            sparse_layer(values, coef, bias, code, out)
        else:
            dense_layer(values, lead, coef, bias, code, out)
        values, lead = out, bias.size
    n_outputs = network.units[-1]
    if network.link != LINK_IDENTITY:
        apply_link(network.link, values, OutputShape(n_rows, n_outputs, lead, lead))
    return values.reshape(n_rows, lead)[:, :n_outputs]


def _plain(array, dtype):
    """Return an array of the one type that the kernels are compiled for, a copy if need be."""
    if array.flags.c_contiguous and array.flags.writeable and array.dtype == dtype:
        return array
    return np.array(array, dtype=dtype, order="C")
