"""From an estimator's parameters to the solver's rule, the penalties and the augmentation."""

import numpy as np

from skreg._kernels.solvers import ADAM, SOLVERS, Rule
from skreg._parameters import (
    column_groups,
    equal_factors,
    feature_factors,
    frozen_matrices,
    max_norms,
    strengths,
)
from skreg._penalties import make_penalties
from skreg.augmentation import plan_augmentation

NEEDS_BATCHES = (
    "dropout",
    "input_dropout",
    "weight_decay",
    "clip_norm",
    "group_l1",
    "max_norm",
    "weight_averaging",
)


def refuse_combinations(estimator, is_sparse):
    """Refuse what cannot go together, saying what can."""
    if estimator.augmentation and is_sparse:
        raise ValueError(
            f"augmentation={estimator.augmentation!r} needs dense rows, but X is sparse; convert "
            "it with X.toarray(), or use input_dropout, which keeps sparse rows sparse."
        )
    if estimator.solver in SOLVERS:
        return
    for name in NEEDS_BATCHES:
        value, off = getattr(estimator, name), (None, np.inf if name == "max_norm" else 0)
        if any(part not in off for part in np.ravel(np.asarray(value, dtype=object))):
            raise ValueError(
                f"{name}={value!r} needs the steps of a stochastic solver, which solver='lbfgs' "
                "does not take; choose solver='adam' or 'sgd', or regularize with l1, l2, "
                "feature_penalty, l2_anchor or frozen_layers."
            )
    if estimator.augmentation:
        raise ValueError(
            f"augmentation={estimator.augmentation!r} changes every mini-batch, but solver='lbfgs' "
            "sees all rows at once; choose solver='adam' or 'sgd'."
        )


def solver_rule(estimator):
    """Return the `Rule` of the estimator's solver."""
    return Rule(
        SOLVERS.get(estimator.solver, ADAM),
        float(estimator.momentum),
        int(estimator.nesterovs_momentum),
        float(estimator.beta_1),
        float(estimator.beta_2),
        float(estimator.epsilon),
        float(estimator.weight_decay),
        float(estimator.clip_norm or 0.0),
        float(estimator.weight_averaging),
    )


def feature_groups(estimator):
    """Return the groups of the columns of X, or None."""
    n_features, names = estimator.n_features_in_, getattr(estimator, "feature_names_in_", None)
    return column_groups("feature_groups", estimator.feature_groups, n_features, names)


def read_groups(groups, columns):
    """Return groups of columns as groups of places in ``columns``, those that are read."""
    if groups is None or columns is None:
        return groups
    places = (np.flatnonzero(np.isin(columns, group)) for group in groups)
    return tuple(group for group in places if group.size)


def network_penalties(estimator, n_matrices):
    """Return the `Penalties` on a network of ``n_matrices`` weight matrices."""
    groups = feature_groups(estimator)
    factors = feature_factors(
        "feature_penalty", estimator.feature_penalty, estimator.n_features_in_
    )
    equal_factors(factors, groups)
    if factors is not None and estimator._columns is not None:
        factors = factors[estimator._columns]
    groups = read_groups(groups, estimator._columns)
    return make_penalties(
        n_matrices,
        **{
            name: strengths(name, getattr(estimator, name), n_matrices)
            for name in ("l1", "l2", "group_l1", "l2_anchor")
        },
        max_norm=max_norms("max_norm", estimator.max_norm, n_matrices),
        frozen=frozen_matrices("frozen_layers", estimator.frozen_layers, n_matrices),
        factors=factors,
        groups=groups,
    )


def batch_augmentation(estimator):
    """Return the plan of what changes a batch, or None."""
    if not estimator.augmentation:
        return None
    columns, names = estimator._columns, getattr(estimator, "feature_names_in_", None)
    n_features = estimator.n_features_in_
    if columns is not None:  # a compressed network goes on learning from what it reads
        n_features, names = columns.size, None if names is None else names[columns]
    groups = read_groups(feature_groups(estimator), columns)
    return plan_augmentation(estimator.augmentation, n_features, groups, names)
