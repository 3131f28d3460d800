"""From a fitted network and rows to outputs: one thread directly, several through the engine."""

import numba
import numpy as np
import scipy.sparse as sp

from skreg._architecture import n_parameters, round_up
from skreg._engine import Engine
from skreg._entries import canonical, work_per_row
from skreg._job import CHUNK_ROWS, Rows
from skreg._kernels.few import layer_of_few, sparse_layer_of_few
from skreg._kernels.losses import LINK_IDENTITY, OutputShape, apply_link
from skreg._kernels.simd import lanes
from skreg._kernels.sparse import Entries
from skreg._threads import VECTORS_PER_THREAD, Threads

FEW_ROWS = 256  # which are no work for an engine, however large the network
# On one thread an engine pays for more rows than these, and where the weights, which every block of
# rows packs anew, are more than these bytes.
NOT_MANY_ROWS, SMALL_NETWORK = 2048, 131_072
BLOCK_ROWS = 1024  # at a time: their activations stay small
# Operations on whole vectors, in all, for which a further thread is started: with its engine that
# takes about a millisecond.
VECTORS_PER_START = 5e6


def predict_outputs(network, parameters, X, n_jobs):
    """Return the outputs (n_samples, n_outputs) of the plain network, behind ``network.link``.

    Parameters
    ----------
    network : Network
    parameters : tuple of two lists of arrays
        Weights and biases, one per layer.
    X : array or CSR of shape (n_samples, n_features)
        Of the dtype of the parameters.
    n_jobs : int or None
        Threads.
    """
    if numba.config.DISABLE_JIT:
        return _outputs_of_team(network, parameters, X, 1)
    if X.shape[0] <= FEW_ROWS:
        return _outputs_of_block(network, parameters, X)
    dtype = parameters[0][0].dtype
    with Threads(n_jobs, _flops(X, network, dtype), dtype) as n_threads:
        if n_threads > 1 or not _are_direct(X, network, dtype):
            return _outputs_of_team(network, parameters, X, n_threads)
        out = np.empty((X.shape[0], network.units[-1]), dtype)
        for start in range(0, X.shape[0], BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            out[block] = _outputs_of_block(network, parameters, X[block])
        return out


def _are_direct(X, network, dtype):
    """Return whether one thread takes rows through the network without an engine."""
    n_bytes = n_parameters(network.units) * dtype.itemsize
    return X.shape[0] <= NOT_MANY_ROWS or n_bytes <= SMALL_NETWORK


def _flops(X, network, dtype):
    """Return the operations that threads share: those between two meetings, or fewer of a few."""
    per_row = 2.0 * work_per_row(X, network.units)
    starts = X.shape[0] * per_row / lanes(dtype) / VECTORS_PER_START
    return min(CHUNK_ROWS * per_row, starts * VECTORS_PER_THREAD * lanes(dtype))


def _outputs_of_team(network, parameters, X, n_threads):
    dtype = parameters[0][0].dtype
    with Engine(network, dtype, valid=Rows(X), n_threads=n_threads, for_training=False) as engine:
        engine.load_arrays(*parameters)
        return engine.evaluate()[0]


def _outputs_of_block(network, parameters, X):
    """Return what an engine would, to the bit, without packing all weights and copying rows."""
    values, lead, dtype = X, None, parameters[0][0].dtype
    for *arrays, code in zip(*parameters, network.activations, strict=True):
        values, lead = _layer(values, lead, X.shape[0], arrays, code, dtype)
    n_rows, n_outputs = X.shape[0], network.units[-1]
    if network.link != LINK_IDENTITY:
        apply_link(network.link, values, OutputShape(n_rows, n_outputs, lead, lead))
    return values.reshape(n_rows, lead)[:, :n_outputs].copy()


def _layer(values, lead, n_rows, arrays, code, dtype):
    """Return the activations of a layer, and how far their rows are apart.

    ``values`` are rows of the input, or activations whose rows are ``lead`` apart. All are computed
    in ``dtype``: a user may have replaced the weights of one layer by others.
    """
    coef, intercept = arrays
    width = round_up(intercept.size, lanes(dtype))
    bias, out = np.zeros(width, dtype), np.zeros(n_rows * width, dtype)
    bias[: intercept.size] = intercept
    if sp.issparse(values):
        sparse_layer_of_few(_entries(values, dtype), _plain(coef, dtype), bias, code, out)
    else:
        if lead is None:
            lead, values = values.shape[1], _plain(values, dtype).reshape(-1)
        layer_of_few(values, lead, _plain(coef, dtype), bias, code, out)
    return out, width


def _entries(X, dtype):
    X = canonical(X)
    data, columns = _plain(X.data, dtype), _plain(X.indices, np.int32)
    return Entries(data, columns, 0, _plain(X.indptr[1:], np.int64))


def _plain(array, dtype):
    """Return an array of the one type that the kernels are compiled for, a copy if need be."""
    if array.flags.c_contiguous and array.flags.writeable and array.dtype == dtype:
        return array
    return np.array(array, dtype=dtype, order="C")
