"""From an estimator's parameters to the solver's rule, the penalties and the augmentation."""

import numpy as np

from skreg._augmenting import as_list, is_off, plan_augmentation
from skreg._kernels.solvers import ADAM, SOLVERS, Rule
from skreg._parameters import (
    column_groups,
    equal_factors,
    feature_factors,
    frozen_matrices,
    max_norms,
    read_groups,
    strengths,
)
from skreg._penalties import TERMS, make_penalties

NEEDS_BATCHES = (
    "dropout",
    "input_dropout",
    "weight_decay",
    "clip_norm",
    "group_l1",
    "max_norm",
    "weight_averaging",
)

WITHOUT_BATCHES = (
    "l1",
    "l2",
    "feature_penalty",
    "l2_anchor",
    "frozen_layers",
    "label_smoothing",
)

# What errors recommend where a solver has no mini-batches.
CHOOSE_STOCHASTIC = f"choose solver={' or '.join(map(repr, sorted(SOLVERS)))}"


def refuse_combinations(estimator, is_sparse):
    """Refuse what cannot go together, saying what can."""
    if is_sparse and _augments(estimator):
        raise ValueError(
            f"augmentation={estimator.augmentation!r} needs dense rows, but X is sparse; convert "
            "it with X.toarray(), or use input_dropout, which keeps sparse rows sparse."
        )
    if estimator.solver in SOLVERS:
        if estimator.weight_decay * estimator.learning_rate_init > 1:
            raise ValueError(
                f"weight_decay={estimator.weight_decay!r} times "
                f"learning_rate_init={estimator.learning_rate_init!r} is more than 1: a step would "
                "turn weights around instead of shrinking them; lower one of them."
            )
        return
    for name in NEEDS_BATCHES:
        value, off = getattr(estimator, name), (None, np.inf if name == "max_norm" else 0)
        if any(part not in off for part in np.ravel(np.asarray(value, dtype=object))):
            raise ValueError(
                f"{name}={value!r} needs the steps of a stochastic solver, which solver='lbfgs' "
                f"does not take; {_other_ways(estimator)}."
            )
    if _augments(estimator):
        raise ValueError(
            f"augmentation={estimator.augmentation!r} changes every mini-batch, but solver='lbfgs' "
            f"sees all rows at once; {_other_ways(estimator)}."
        )


def refuse_solver(solver, name, given, strengths):
    """Refuse strengths of what a solver without mini-batches can't do."""
    if solver not in SOLVERS and name in NEEDS_BATCHES and any(strengths):
        raise ValueError(
            f"{name}s={given!r} needs the steps of a stochastic solver, which solver={solver!r} "
            f"does not take; {CHOOSE_STOCHASTIC}, or search l1s or l2s."
        )


def takes_sparse_rows(estimator):
    """Return whether rows may be sparse: where no transform changes them."""
    try:
        return not _augments(estimator)
    except (TypeError, ValueError):  # not what a transform should be: `fit` says so
        return True


def _augments(estimator):
    """Return whether some transform is not turned off."""
    return not all(is_off(transform) for transform in as_list(estimator.augmentation))


def _other_ways(estimator):
    """Return what to do about a regularizer that lbfgs does not know."""
    *first, last = (name for name in WITHOUT_BATCHES if hasattr(estimator, name))
    return f"{CHOOSE_STOCHASTIC}, or regularize with {', '.join(first)} or {last}"


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


def network_penalties(estimator, n_matrices):
    """Return the `Penalties` on a network of ``n_matrices`` weight matrices."""
    groups = feature_groups(estimator)
    factors = feature_factors(
        "feature_penalty", estimator.feature_penalty, estimator.n_features_in_
    )
    given = {name: strengths(name, getattr(estimator, name), n_matrices) for name in TERMS}
    if given["group_l1"][0] > 0:
        equal_factors(factors, groups)
    if factors is not None and estimator._columns is not None:
        factors = factors[estimator._columns]
    groups = read_groups(groups, estimator._columns)
    return make_penalties(
        n_matrices,
        **given,
        max_norm=max_norms("max_norm", estimator.max_norm, n_matrices),
        frozen=frozen_matrices("frozen_layers", estimator.frozen_layers, n_matrices),
        factors=factors,
        groups=groups,
    )


def batch_augmentation(estimator):
    """Return the plan of what changes a batch, or None."""
    if not estimator.augmentation:
        return None
    names = getattr(estimator, "feature_names_in_", None)
    return plan_augmentation(
        estimator.augmentation,
        estimator.n_features_in_,
        feature_groups(estimator),
        names,
        estimator._columns,
    )
