"""Activation functions: codes, each function beside its derivative, one pass over a layer.

Every function takes lanes and returns their values and slopes; definitions and constants are those
of PyTorch's defaults. NaN goes in and comes out, so that a divergence is seen.
"""

from skreg._jit import inlined, jit
from skreg._kernels.elementary import expm1, normal
from skreg._kernels.elementary import logistic as logistic_function
from skreg._kernels.elementary import softplus as softplus_function
from skreg._kernels.elementary import tanh as tanh_function
from skreg._kernels.lanes import count, load, store, where

IDENTITY, LOGISTIC, TANH, RELU, LEAKY_RELU, ELU, SELU, GELU, SILU, SOFTPLUS = range(10)

ACTIVATIONS = {
    "identity": IDENTITY,
    "logistic": LOGISTIC,
    "tanh": TANH,
    "relu": RELU,
    "leaky_relu": LEAKY_RELU,
    "elu": ELU,
    "selu": SELU,
    "gelu": GELU,
    "silu": SILU,
    "softplus": SOFTPLUS,
}

LEAK = 0.01

# The fixed point of Klambauer et al. (2017), "Self-Normalizing Neural Networks", appendix A1.
SELU_ALPHA = 1.6732632423543772
SELU_SCALE = 1.0507009873554805


@inlined
def identity(z):
    """Return ``z`` and 1."""
    return z, where(z == z, 1.0, z)


@inlined
def logistic(z):
    """Return 1 / (1 + exp(-z)) and its slope."""
    value = logistic_function(z)
    return value, value * (1.0 - value)


@inlined
def tanh(z):
    """Return the hyperbolic tangent and its slope."""
    value = tanh_function(z)
    return value, 1.0 - value * value


@inlined
def relu(z):
    """Return max(z, 0) and its slope, which is 0 at 0."""
    return where(z <= 0.0, 0.0, z), where(z > 0.0, 1.0, where(z <= 0.0, 0.0, z))


@inlined
def leaky_relu(z):
    """Return ``z`` above 0 and 0.01 z below, and the slope."""
    slope = where(z > 0.0, 1.0, where(z <= 0.0, LEAK, z))
    return slope * z, slope


@inlined
def elu(z):
    """Return ``z`` above 0 and exp(z) - 1 below, and the slope (Clevert et al., 2016)."""
    below = expm1(where(z > 0.0, 0.0, z))
    return where(z > 0.0, z, below), where(z > 0.0, 1.0, below + 1.0)


@inlined
def selu(z):
    """Return the scaled ELU of Klambauer et al. (2017) and its slope."""
    below = (SELU_SCALE * SELU_ALPHA) * expm1(where(z > 0.0, 0.0, z))
    value = where(z > 0.0, z * SELU_SCALE, below)
    return value, where(z > 0.0, SELU_SCALE, below + SELU_SCALE * SELU_ALPHA)


@inlined
def gelu(z):
    """Return z P(Z <= z), Z standard normal, and its slope (Hendrycks and Gimpel, 2016)."""
    probability, density = normal(z)
    return z * probability, probability + z * density


@inlined
def silu(z):
    """Return z / (1 + exp(-z)) and its slope (Elfwing et al., 2018)."""
    gate = logistic_function(z)
    return z * gate, gate * (z * (1.0 - gate) + 1.0)


@inlined
def softplus(z):
    """Return log(1 + exp(z)) and its slope."""
    return softplus_function(z), logistic_function(z)


@inlined
def apply(code, z):
    """Return the values and slopes of the function of number ``code``."""
    if code == IDENTITY:
        return identity(z)
    elif code == LOGISTIC:
        return logistic(z)
    elif code == TANH:
        return tanh(z)
    elif code == RELU:
        return relu(z)
    elif code == LEAKY_RELU:
        return leaky_relu(z)
    elif code == ELU:
        return elu(z)
    elif code == SELU:
        return selu(z)
    elif code == GELU:
        return gelu(z)
    elif code == SILU:
        return silu(z)
    return softplus(z)


@jit
def keeps_zero(code):
    """Return whether the function of number ``code`` is 0 at 0, which keeps padding zero."""
    return code != LOGISTIC and code != SOFTPLUS


@jit
def activate(code, values, slopes, bias, lead, n_rows):
    """Add the bias to a block and apply an activation function to it, in place.

    Parameters
    ----------
    code : int
        One of the codes of ``ACTIVATIONS``.
    values : array of shape (>= n_rows * lead,)
        Element (i, j) of the block stands at ``i * lead + j``. Overwritten by the activations.
    slopes : array like ``values``
        Overwritten by the derivatives of the activations.
    bias : array of shape (n_columns,)
        A whole number of vectors. Columns from ``n_columns`` to ``lead`` are left alone.
    lead : int
        Distance between the starts of two rows.
    n_rows : int
        Number of rows.
    """
    for i in range(n_rows):
        for j in range(0, bias.size, count(bias)):
            value, slope = apply(code, load(values, i * lead + j) + load(bias, j))
            store(values, i * lead + j, value)
            store(slopes, i * lead + j, slope)


@jit
def activate_values(code, values, bias, lead, n_rows):
    """Do as `activate` for prediction, which needs no slopes."""
    for i in range(n_rows):
        for j in range(0, bias.size, count(bias)):
            value, _ = apply(code, load(values, i * lead + j) + load(bias, j))
            store(values, i * lead + j, value)
