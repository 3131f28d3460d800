"""From a fitted network and rows to outputs: a few rows directly, many through the engine."""

import numba
import numpy as np
import scipy.sparse as sp

from skreg._architecture import n_parameters, round_up
from skreg._engine import Engine
from skreg._entries import work_per_row
from skreg._job import CHUNK_ROWS, Rows
from skreg._kernels.few import layer_of_few
from skreg._kernels.losses import LINK_IDENTITY, OutputShape, apply_link
from skreg._kernels.simd import lanes
from skreg._threads import Threads

# Up to so many rows the weights are not packed; sparse rows are made dense for that. More rows
# belong to the few where all their products take less time than an engine to be built, 0.3 ms.
FEW_ROWS, FEW_SPARSE_ROWS = 256, 16
NOT_MANY_ROWS, FEW_PRODUCTS = 1024, 10_000_000


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
    if _are_few(X, network) and not numba.config.DISABLE_JIT:
        return _outputs_of_few(network, parameters, X)
    flops = 2.0 * work_per_row(X, network.units) * CHUNK_ROWS
    dtype = parameters[0][0].dtype
    with (
        Threads(n_jobs, flops if X.shape[0] > CHUNK_ROWS else 0, dtype) as n_threads,
        Engine(network, dtype, valid=Rows(X), n_threads=n_threads, for_training=False) as engine,
    ):
        engine.load_arrays(*parameters)
        return engine.evaluate()[0]


def _are_few(X, network):
    n_rows = X.shape[0]
    if sp.issparse(X):
        return n_rows <= FEW_SPARSE_ROWS
    n_products = n_rows * n_parameters(network.units)
    return n_rows <= FEW_ROWS or (n_rows <= NOT_MANY_ROWS and n_products <= FEW_PRODUCTS)


def _outputs_of_few(network, parameters, X):
    """Return what the engine would, to the bit, without packing the weights."""
    coefs, intercepts = parameters
    dtype, n_rows = coefs[0].dtype, X.shape[0]
    X = X.toarray() if sp.issparse(X) else X
    if not (X.flags.c_contiguous and X.flags.writeable and X.dtype == dtype):
        X = np.array(X, dtype=dtype, order="C")  # the kernels are compiled for this type alone
    values, lead = X.reshape(-1), X.shape[1]
    for coef, intercept, code in zip(coefs, intercepts, network.activations, strict=True):
        width = round_up(intercept.size, lanes(dtype))
        bias, out = np.zeros(width, dtype), np.zeros(n_rows * width, dtype)
        bias[: intercept.size] = intercept
        coef = coef if coef.flags.writeable else coef.copy()  # as for X: of a memory map, say
        layer_of_few(values, lead, np.ascontiguousarray(coef), bias, code, out)
        values, lead = out, width
    n_outputs = network.units[-1]
    if network.link != LINK_IDENTITY:
        apply_link(network.link, values, OutputShape(n_rows, n_outputs, lead, lead))
    return values.reshape(n_rows, lead)[:, :n_outputs].copy()
