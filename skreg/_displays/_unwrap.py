"""From a pipeline or a search to the network inside."""

from typing import NamedTuple

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skreg._architecture import scattered


class Inside(NamedTuple):
    """What is inside an estimator."""

    network: object
    transformers: list  # pipelines before the network, to be applied in this order
    target_transformers: list  # of the targets, the outermost first


def unwrap(estimator, attribute, display):
    """Return the fitted network inside an estimator and what surrounds it.

    Parameters
    ----------
    estimator : object
        A network, a pipeline that ends with one, a regressor with transformed targets, or a
        fitted search over them.
    attribute : str
        What the network must have.
    display : type
        Who asks, for the message of an error.

    Returns
    -------
    Inside
    """
    network, transformers, target_transformers = estimator, [], []
    while True:
        if isinstance(network, Pipeline):
            transformers += [network[:-1]] if len(network.steps) > 1 else []
            network = network.steps[-1][1]
        elif hasattr(network, "best_estimator_"):
            network = network.best_estimator_
        elif isinstance(network, TransformedTargetRegressor) and hasattr(network, "regressor_"):
            target_transformers.append(network.transformer_)
            network = network.regressor_
        else:
            break
    if not hasattr(network, attribute):
        _refuse(network, attribute, display)
    check_is_fitted(network)
    return Inside(network, transformers, target_transformers)


def search_inside(estimator):
    """Return the fitted search at the end of pipelines and behind transformed targets."""
    while True:
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif isinstance(estimator, TransformedTargetRegressor) and hasattr(estimator, "regressor_"):
            estimator = estimator.regressor_
        else:
            return estimator


def _refuse(network, attribute, display):
    """Say why there is nothing to draw."""
    kind = type(network).__name__
    if hasattr(network, "cv_results_"):
        raise ValueError(
            f"{display.__name__} draws the network that a search fits on all rows, but this "
            f"{kind} has refit=False; fit it with refit=True."
        )
    check_is_fitted(network)
    raise ValueError(
        f"{display.__name__} needs {attribute}, which {kind} does not have; give a fitted network "
        "of skreg, a Pipeline that ends with one, or a search over them."
    )


def first_weights(network):
    """Return the first weight matrix (n_features, n_units), with rows for all columns of X."""
    weights = np.asarray(network.coefs_[0], dtype=np.float64)
    columns = getattr(network, "_columns", None)
    if columns is None:
        return weights
    return scattered(weights, columns, network.n_features_in_)


def input_names(network, transformers, given=None):
    """Return the names of the inputs of a network.

    Parameters
    ----------
    network : object
    transformers : list of Pipeline
    given : array-like of str, optional
        The user's names.
    """
    n_features = first_weights(network).shape[0]
    if given is not None:
        if len(given) != n_features:
            raise ValueError(
                f"feature_names has {len(given)} names, but the network reads {n_features} "
                "features; give one for each."
            )
        return [str(name) for name in given]
    if hasattr(network, "feature_names_in_"):
        return [str(name) for name in network.feature_names_in_]
    try:
        return [str(name) for name in transformers[-1].get_feature_names_out()]
    except (IndexError, AttributeError, ValueError):  # there are none, or they do not know
        return [f"x{place}" for place in range(n_features)]


def output_names(network):
    """Return the names of the outputs of a network, None where there is a single one."""
    n_outputs = network.n_outputs_
    if n_outputs == 1:
        return None
    classes = getattr(network, "classes_", None)
    if classes is not None and len(classes) == n_outputs:
        return [str(label) for label in classes]
    return [f"output {place}" for place in range(n_outputs)]
