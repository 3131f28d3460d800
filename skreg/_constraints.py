"""What the parameters that both estimators share may be."""

from numbers import Integral, Real

import numpy as np

from skreg._augmenting import Transform
from skreg._kernels.activations import ACTIVATIONS
from skreg._kernels.solvers import SOLVERS
from skreg._schedules import SCHEDULES
from skreg._sklearn import Interval, Options, StrOptions


class AnyTransform(Options):
    """A transform, by its public name in errors: the class stands in a private module."""

    def __init__(self):
        super().__init__(Transform, set())

    def is_satisfied_by(self, value):
        """Return whether a value is one."""
        return isinstance(value, Transform)

    def __str__(self):
        """Return what stands behind "must be" in an error."""
        return "a transform of skreg.augmentation, such as GaussianNoise(scale=0.1)"


CONSTRAINTS = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS)), "array-like"],
    "solver": [StrOptions({"lbfgs", *SOLVERS})],
    "l1": [Interval(Real, 0, None, closed="left"), "array-like"],
    "l2": [Interval(Real, 0, None, closed="left"), "array-like"],
    "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
    "input_dropout": [Interval(Real, 0, 1, closed="left")],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
    "group_l1": [Interval(Real, 0, None, closed="left"), "array-like"],
    "feature_groups": ["array-like", list, tuple, None],
    "feature_penalty": ["array-like", None],
    "max_norm": [
        Interval(Real, 0, None, closed="neither"),
        Options(Real, {np.inf}),
        "array-like",
        None,
    ],
    "weight_averaging": [Interval(Real, 0, 1, closed="left")],
    "l2_anchor": [Interval(Real, 0, None, closed="left"), "array-like"],
    "frozen_layers": ["array-like", None],
    "augmentation": [AnyTransform(), list, tuple, None],
    "polish": [Interval(Integral, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions(set(SCHEDULES))],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "scoring": [str, callable, None],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "dtype": [
        StrOptions({"float32", "float64"}),
        Options(type, {np.float32, np.float64}),
        Options(np.dtype, {np.dtype(np.float32), np.dtype(np.float64)}),
        None,
    ],
    "n_jobs": [Integral, None],
}
