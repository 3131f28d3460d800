"""From constructor parameters to one value per layer, with errors that name what is wrong."""

import numbers

import numpy as np

from skreg._kernels.activations import ACTIVATIONS


def hidden_units(hidden_layer_sizes):
    """Return the hidden layers' sizes as a tuple of int; an int is one layer."""
    if isinstance(hidden_layer_sizes, numbers.Integral):
        hidden_layer_sizes = (hidden_layer_sizes,)
    sizes = list(hidden_layer_sizes)
    if any(not isinstance(size, numbers.Integral) for size in sizes):
        raise ValueError(
            f"hidden_layer_sizes must be integers, got {hidden_layer_sizes}; "
            "give one number of units per hidden layer."
        )
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return tuple(int(size) for size in sizes)


def activation_names(activation, n_hidden):
    """Return one activation name per hidden layer."""
    if isinstance(activation, str):
        return (activation,) * n_hidden
    names = tuple(activation)
    for name in names:
        if name not in ACTIVATIONS:
            raise ValueError(
                f"activation={activation!r} names an unknown function {name!r}; "
                f"choose from {', '.join(ACTIVATIONS)}."
            )
    _check_length("activation", activation, len(names), n_hidden, "hidden layers")
    return names


def strengths(name, value, n_matrices):
    """Return one strength per weight matrix: finite and not negative."""
    values = _per_layer(name, value, n_matrices, "weight matrices")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(f"{name}={value!r} must be finite and >= 0 everywhere; 0 turns it off.")
    return values


def dropout_rates(name, value, n_layers):
    """Return one dropout rate in [0, 1) per hidden layer (or per input: one)."""
    rates = _per_layer(name, value, n_layers, "hidden layers")
    if not ((rates >= 0) & (rates < 1)).all():
        raise ValueError(
            f"{name}={value!r} must be in [0, 1): it is the probability of dropping a unit, "
            "and 1 would leave none to train."
        )
    return rates


def _per_layer(name, value, n, what):
    if isinstance(value, numbers.Real):
        return np.full(n, float(value))
    try:
        values = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name}={value!r} must be a number or a sequence of numbers.") from None
    if values.ndim != 1:
        raise ValueError(f"{name}={value!r} must be a number or a flat sequence of numbers.")
    _check_length(name, value, values.size, n, what)
    return values


def _check_length(name, value, found, expected, what):
    if found != expected:
        raise ValueError(
            f"{name}={value!r} has {found} values, but the network has {expected} {what}; "
            f"give one value for all, or {expected}."
        )


def fill_starting_values(name, given, parts):
    """Copy starting values into the views of the flat vector."""
    if given is None:
        return
    shapes = [part.shape for part in parts]
    found = [np.shape(array) for array in given]
    if found != shapes:
        raise ValueError(
            f"{name} has arrays of shapes {found}, but the network needs {shapes}; "
            "give one array per layer."
        )
    for part, array in zip(parts, given, strict=True):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} contains NaN or infinity; starting values must be finite.")
        part[:] = array
