"""From constructor parameters to one value per layer, with errors that name what is wrong."""

import numbers
import reprlib

import numpy as np

from skreg._kernels.activations import ACTIVATIONS, IDENTITY

# What float32 can multiply, divide by and sum: the same limits for both precisions. A norm is a
# sum of squares, which below 1e-38 are lost: of a vector of 1e-15, these are a hundred million.
LARGEST_STRENGTH, SMALLEST_NORM = 1e30, 1e-15


def hidden_units(hidden_layer_sizes):
    """Return the hidden layers' sizes as a tuple of int; an int is one layer."""
    sizes = hidden_layer_sizes
    if isinstance(sizes, np.ndarray):  # perhaps of no dimension
        sizes = sizes.tolist()
    sizes = list(sizes) if np.iterable(sizes) else [sizes]
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
    names = tuple(_items("activation", activation, "names"))
    for name in names:
        if not isinstance(name, str) or name not in ACTIVATIONS:
            raise ValueError(
                f"activation={activation!r} names an unknown function {name!r}; "
                f"choose from {', '.join(ACTIVATIONS)}."
            )
    _check_length("activation", activation, len(names), n_hidden, "hidden layer")
    return names


def activation_codes(activation, n_hidden):
    """Return the codes of the activations of all layers; outputs are raw."""
    return (*(ACTIVATIONS[name] for name in activation_names(activation, n_hidden)), IDENTITY)


def strengths(name, value, n_matrices):
    """Return one strength per weight matrix: not negative, and small enough to compute with."""
    values = per_layer(name, value, n_matrices, "weight matrix")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError(f"{name}={value!r} must be finite and >= 0 everywhere; 0 turns it off.")
    if (values > LARGEST_STRENGTH).any():
        raise ValueError(
            f"{name}={value!r} must be at most {LARGEST_STRENGTH:g} everywhere; sums of larger "
            "terms overflow in float32."
        )
    return values


def pattern_of(estimator, name):
    """Return the pattern of one of the strengths of an estimator, or None if it is a number.

    A strength that is a sequence is a pattern: what is searched multiplies its entries.
    """
    value = getattr(estimator, name)
    return None if np.ndim(value) == 0 else list(value)


def spread(estimator, params):
    """Return the parameters of a candidate: each strength times the pattern, if there is one.

    Parameters
    ----------
    estimator : BaseMLP
        As the user has given it.
    params : dict
        Strengths that are searched.
    """
    spread_out = dict(params)
    for name, value in params.items():
        if (pattern := pattern_of(estimator, name)) is not None:
            spread_out[name] = [value * share for share in pattern]
    return spread_out


def max_norms(name, value, n_matrices):
    """Return one largest norm per weight matrix: positive, infinite where there is none."""
    if value is None:
        return np.full(n_matrices, np.inf)
    if not isinstance(value, numbers.Real):
        value = [np.inf if norm is None else norm for norm in _items(name, value, "numbers")]
    norms = per_layer(name, value, n_matrices, "weight matrix")
    if not (norms > 0).all():
        raise ValueError(f"{name}={value!r} must be > 0 everywhere; None sets no bound.")
    if (norms < SMALLEST_NORM).any():
        raise ValueError(
            f"{name}={value!r} must be at least {SMALLEST_NORM:g} everywhere; squares of "
            "smaller norms are lost in float32."
        )
    return norms


def frozen_matrices(name, value, n_matrices):
    """Return which weight matrices do not move, from their indices."""
    frozen = np.zeros(n_matrices, dtype=bool)
    for index in () if value is None else _items(name, value, "indices of layers"):
        if not is_integer(index) or not -n_matrices <= index < n_matrices:
            raise ValueError(
                f"{name}={value!r} names a layer {index!r}, but the network has {n_matrices} "
                f"layers with weights; give integers from 0 to {n_matrices - 1}, or negative ones "
                "from the end."
            )
        frozen[index] = True
    if frozen.all():
        raise ValueError(f"{name}={value!r} freezes every layer; leave at least one to train.")
    return frozen


def is_integer(value):
    """Return whether the value is a whole number; True and False are none."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def feature_factors(name, value, n_features):
    """Return one penalty factor per feature, at least 0, or None."""
    if value is None:
        return None
    try:
        factors = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}={value!r} must hold numbers; give one factor per feature."
        ) from None
    if factors.shape != (n_features,):
        raise ValueError(
            f"{name} has the shape {factors.shape}, but X has {n_features} features; "
            "give one factor per feature."
        )
    if not (factors >= 0).all() or np.isinf(factors).all():
        raise ValueError(
            f"{name}={value!r} must hold numbers >= 0: 0 exempts a feature, inf excludes it, and "
            "at least one feature must stay."
        )
    return factors


def column_groups(name, value, n_features, feature_names=None):
    """Return groups of columns as index arrays that hold every feature once, or None.

    Columns that no group names are groups of their own.
    """
    if value is None:
        return None
    columns = {} if feature_names is None else {n: i for i, n in enumerate(feature_names)}
    groups, seen = [], set()
    for group in _items(name, value, "lists of columns"):
        if isinstance(group, str) or not np.iterable(group):
            raise ValueError(f"{name}={value!r} must be a list of lists of columns.")
        members = [_column(name, column, n_features, columns) for column in group]
        for column, member in zip(group, members, strict=True):
            if member in seen:
                raise ValueError(
                    f"{name} names the column {column!r} twice; groups must not overlap."
                )
            seen.add(member)
        if members:
            groups.append(np.array(sorted(members)))
    groups += [np.array([column]) for column in range(n_features) if column not in seen]
    return tuple(sorted(groups, key=lambda members: members[0]))


def read_groups(groups, columns):
    """Return groups of columns as groups of places in ``columns``, those that are read."""
    if groups is None or columns is None:
        return groups
    places = (np.flatnonzero(np.isin(columns, group)) for group in groups)
    return tuple(group for group in places if group.size)


def _column(name, column, n_features, columns):
    if isinstance(column, str):
        if column in columns:
            return columns[column]
        known = "X has no column names" if not columns else f"columns of X: {list(columns)}"
        raise ValueError(f"{name} names an unknown column {column!r}; {known}.")
    if is_integer(column) and -n_features <= column < n_features:
        return int(column) % n_features
    raise ValueError(
        f"{name} names a column {column!r}, but X has {n_features} features; give indices from 0 "
        f"to {n_features - 1} or names."
    )


def equal_factors(factors, groups):
    """Refuse factors that differ within a group of columns."""
    if factors is None or groups is None:
        return
    for group in groups:
        if np.unique(factors[group]).size > 1:
            raise ValueError(
                f"feature_penalty={factors[group].tolist()} differs within the feature group "
                f"{group.tolist()}; columns of one group need one factor."
            )


def dropout_rates(name, value, n_hidden):
    """Return one dropout rate in [0, 1) per hidden layer."""
    rates = per_layer(name, value, n_hidden, "hidden layer")
    if not ((rates >= 0) & (rates < 1)).all():
        raise ValueError(
            f"{name}={value!r} must be in [0, 1): it is the probability of dropping a unit, "
            "and 1 would leave none to train."
        )
    return rates


def _items(name, value, what):
    """Return the items of a sequence; an array may have no dimension."""
    if not np.iterable(value):
        raise ValueError(f"{name}={value!r} must be a list of {what}.")
    return value


def per_layer(name, value, n, what):
    """Return one number for each of ``n`` layers, from one for all or from a sequence."""
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
        remedy = "one value for all" + (f", or {expected}" if expected > 1 else "")
        raise ValueError(
            f"{name}={value!r} has {counted(found, 'value')}, but the network has "
            f"{counted(expected, what)}; give {remedy}."
        )


def counted(number, what):
    """Return a number of things in words."""
    plural = "weight matrices" if what == "weight matrix" else f"{what}s"
    return f"{number} {what if number == 1 else plural}"


def fill_starting_values(name, given, parts):
    """Copy starting values into the views of the flat vector."""
    if given is None:
        return
    arrays = _arrays(name, given)
    shapes = [part.shape for part in parts]
    found = [array.shape for array in arrays]
    if found != shapes:
        raise ValueError(
            f"{name} has arrays of shapes {found}, but the network needs {shapes}; "
            "give one array per layer."
        )
    for part, array in zip(parts, arrays, strict=True):
        with np.errstate(over="ignore"):
            part[:] = array
        if not np.isfinite(part).all():
            raise ValueError(
                f"{name} contains {array[~np.isfinite(part)][0]}, which is not finite in "
                f"{part.dtype}; give finite starting values."
            )


def _arrays(name, given):
    try:
        arrays = [np.asarray(array) for array in given]
    except (TypeError, ValueError):  # not even a list, or lists of lists of unequal lengths
        arrays = None
    if arrays is None or any(array.dtype.kind not in "biuf" for array in arrays):
        raise ValueError(
            f"{name}={reprlib.repr(given)} must be a list of arrays of numbers; give one array per "
            "layer, dense and real, as in coefs_ and intercepts_."
        )
    return arrays
