"""Networks without dead inputs and dead units, which compute the same.

Penalties with a kink leave whole rows and columns of zeros. A unit without outgoing weights is
read by nobody; one without incoming weights is a constant, which is a part of the next biases.
"""

from typing import NamedTuple

import numpy as np

from skreg._architecture import check_shapes, n_parameters, views, weights_dtype
from skreg._prediction import predict_outputs
from skreg._task import Network


class Compressed(NamedTuple):
    """A smaller network, and the places of the inputs that it reads."""

    coefs: list
    intercepts: list
    columns: np.ndarray


def compress_network(coefs, intercepts, activations):
    """Return the network without dead inputs and units; of every layer one unit stays.

    Parameters
    ----------
    coefs : list of arrays of shape (fan_in, fan_out)
        Not changed.
    intercepts : list of arrays of shape (fan_out,)
        Not changed.
    activations : sequence of int
        Codes of the activations, one per hidden layer.

    Returns
    -------
    Compressed
    """
    check_shapes(coefs, intercepts, coefs[0].shape[0])
    dtype = weights_dtype(coefs)
    coefs = [coef.astype(dtype) for coef in coefs]
    intercepts = [intercept.astype(np.float64) for intercept in intercepts]
    fold_constants(coefs, intercepts, activations)
    cut_unread(coefs)
    kept = [_read(coef) for coef in coefs] + [np.arange(intercepts[-1].size)]
    units = [places.size for places in kept]
    small = views(np.empty(n_parameters(units), dtype), units)
    for k, (coef, intercept) in enumerate(zip(*small, strict=True)):
        coef[:] = coefs[k][np.ix_(kept[k], kept[k + 1])]
        intercept[:] = intercepts[k][kept[k + 1]]
    return Compressed(*small, kept[0])


def fold_constants(coefs, intercepts, activations):
    """Move what units without incoming weights contribute into the next biases, in place.

    From the first layer up, so that constants of constants are seen too.
    """
    for k, code in enumerate(activations):
        constant = ~coefs[k].any(axis=0)
        if constant.any():
            values = constant_outputs(code, intercepts[k][constant].astype(coefs[k].dtype))
            intercepts[k + 1] += values.astype(np.float64) @ coefs[k + 1][constant]
            coefs[k + 1][constant] = 0


def cut_unread(coefs):
    """Set the incoming weights of units without outgoing weights to zero, in place.

    From the last layer down, so that units that only such units read are cut off as well.
    """
    for k in range(len(coefs) - 2, -1, -1):
        coefs[k][:, ~coefs[k + 1].any(axis=1)] = 0


def constant_outputs(code, biases):
    """Return the activations of units that see nothing but their biases."""
    network = Network.plain((1, biases.size), (code,))
    parameters = [np.zeros((1, biases.size), biases.dtype)], [biases]
    return predict_outputs(network, parameters, np.zeros((1, 1), biases.dtype), 1)[0]


def _read(coef):
    """Return the places of the rows with a weight that is not zero, at least one place."""
    places = np.flatnonzero(coef.any(axis=1))
    return places if places.size else np.zeros(1, dtype=np.intp)
