"""Stability selection: how often a feature survives on subsamples of the rows."""

import numbers
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array, check_consistent_length, check_random_state

from skreg._augmenting import as_list
from skreg._grids import strength_grid
from skreg._inputs import as_rows, compute_dtypes, one_column
from skreg._null_model import null_on_demand
from skreg._parallel import Brake, check_n_jobs, run_all
from skreg._parameters import column_groups, is_integer
from skreg._path import choose_axis, path_estimator, range_of
from skreg._random_state import LARGEST_SEED
from skreg._regularization import refuse_solver
from skreg._walk import walk
from skreg._warnings import warn


class StabilitySelection(NamedTuple):
    """What `stability_selection` found.

    Attributes
    ----------
    axis : {"l1", "group_l1"}
        The parameter whose strength changes.
    strengths : array of shape (n_strengths,)
        In ascending order.
    probabilities : array of shape (n_strengths, n_features)
        Share of the subsamples on which a feature had a weight that is not zero.
    max_probabilities : array of shape (n_features,)
        The largest of each feature over all strengths.
    stable_features : int array of shape (n_stable_features,)
        Sorted columns of X whose largest probability is at least ``threshold``.
    n_selected : float
        Mean number of features that a subsample selects at one strength or another.
    error_bound : float
        Bound on the expected number of uninformative features among the stable ones.
    threshold : float
        The one that was asked for.

    See Also
    --------
    stability_selection : Fits the paths.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg import stability_selection
    >>> X = np.random.default_rng(0).normal(size=(200, 30))
    >>> y = X[:, 3] - X[:, 7] + np.random.default_rng(1).normal(size=200)
    >>> stability_selection(
    ...     X, y, hidden_layer_sizes=(), eps=0.4, n_subsamples=20, random_state=0
    ... )
    <StabilitySelection along l1 from 0.474 to 1.19: n_strengths=10, n_features=30, 2 stable>
    """

    axis: str
    strengths: np.ndarray
    probabilities: np.ndarray
    max_probabilities: np.ndarray
    stable_features: np.ndarray
    n_selected: float
    error_bound: float
    threshold: float

    def __repr__(self):
        n_features, n_stable = len(self.max_probabilities), len(self.stable_features)
        return f"<StabilitySelection {range_of(self)}, n_features={n_features}, {n_stable} stable>"


def stability_selection(X, y, *, estimator=None, l1s=None, group_l1s=None, n_strengths=10, eps=0.1,
                        n_subsamples=100, sample_fraction=0.5, threshold=0.6,
                        complementary_pairs=False, sample_weight=None, warm_max_iter=None,
                        random_state=None, n_jobs=None, **parameters):  # fmt: skip
    """Fit paths on many subsamples and count how often each feature survives.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    estimator : MLPClassifier or MLPRegressor, default=None
        The network, as of `mlp_path`.
    l1s, group_l1s : array-like or int, default=None
        The strengths of one parameter, as of `mlp_path`; where both are None it is
        ``l1s=n_strengths``. The weakest decides how many features are selected, and with that
        the error bound.
    n_strengths : int, default=10
        Length of the automatic grid of ``l1s`` where no axis is given.
    eps : float, default=0.1
        Smallest strength of an automatic grid, as a share of the largest, in (0, 1).
    n_subsamples : int, default=100
        Subsamples, drawn without replacement.
    sample_fraction : float, default=0.5
        Share of the rows in each subsample, in (0, 1). The bound holds up to 0.5.
    threshold : float, default=0.6
        Features that survive on at least this share of the subsamples are stable, in (0.5, 1].
    complementary_pairs : bool, default=False
        Whether subsamples come in pairs without a common row [2]_, which needs an even
        ``n_subsamples`` and a ``sample_fraction`` of at most 0.5.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.
    warm_max_iter : int, default=None
        As of `mlp_path`.
    random_state : int, RandomState instance or None, default=None
        Draws the subsamples, and seeds the networks if the estimator's own ``random_state`` is
        None.
    n_jobs : int or None, default=None
        Subsamples at a time: threads over one copy of the data, or whatever joblib backend is
        set around the call. The result is the same, bit for bit.
    **parameters
        Parameters of the estimator that are to differ, such as ``hidden_layer_sizes``.

    Returns
    -------
    selection : StabilitySelection
        Stable features, the probabilities that they come from, and a bound on how many of them
        are expected to be there by chance.

    Raises
    ------
    TypeError
        If ``estimator`` is not a network of this package.
    ValueError
        If ``n_subsamples``, ``sample_fraction`` or ``threshold`` is out of its range,
        ``complementary_pairs`` does not fit to them, the strengths of both parameters are given,
        or a fit fails.

    See Also
    --------
    StabilitySelection : The record that is returned.
    mlp_path : One path on all rows.

    Notes
    -----
    With ``q``, the mean number of features selected on a subsample at any of the strengths, and
    ``p`` features, the expected number of uninformative features among the stable ones is at most
    ``q ** 2 / ((2 * threshold - 1) * p)``, if all of these are equally likely to be selected and
    no likelier than by chance [1]_. A bound that is too large asks for a stronger weakest
    strength (a larger ``eps``) or a larger threshold. It is NaN where ``sample_fraction`` is above
    0.5: the proof needs two subsamples without a common row.

    An interrupt gives what as many subsamples as are complete would have given, with a warning.

    A subsample is a set of row weights that are zero elsewhere, so the data is never copied.

    References
    ----------
    .. [1] Meinshausen & Buehlmann (2010). Stability selection. JRSS B 72.
    .. [2] Shah & Samworth (2013). Variable selection with error control: another look at
       stability selection. JRSS B 75.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg import stability_selection
    >>> X = np.random.default_rng(0).normal(size=(200, 30))
    >>> y = X[:, 3] - X[:, 7] + np.random.default_rng(1).normal(size=200)
    >>> selection = stability_selection(
    ...     X, y, hidden_layer_sizes=(), eps=0.4, n_subsamples=20, random_state=0
    ... )
    >>> selection.stable_features
    array([3, 7])
    >>> bool(selection.error_bound < 1)
    True
    """
    check_n_jobs(n_jobs)
    _check_numbers(n_subsamples, sample_fraction, threshold, complementary_pairs)
    threshold = float(threshold)
    axis, value = choose_axis({"l1": l1s, "group_l1": group_l1s}, n_strengths)
    y = one_column(y)
    model = path_estimator(estimator, axis, y, parameters)
    X, y, weight = _check_data(model, X, y, sample_weight)
    find_null = null_on_demand(model, (X, y, sample_weight))
    strengths = strength_grid(axis, value, find_null, eps)
    refuse_solver(model.solver, axis, value, strengths)
    random_state, brake = check_random_state(random_state), Brake()
    tasks = [  # with a bit per row
        (Subsample(_seeded(model, seed), np.packbits(sample > 0)), axis, strengths,
         warm_max_iter, brake, X, y, weight)
        for seed, sample in _subsamples(weight, n_subsamples, sample_fraction,
                                        complementary_pairs, random_state)
    ]  # fmt: skip
    alive = _alive_features(tasks, n_jobs, brake, 1 + bool(complementary_pairs))
    probabilities = alive.mean(axis=0)
    largest = probabilities.max(axis=0)
    n_selected = float(alive.any(axis=1).sum(axis=1).mean())
    bound = np.nan
    if sample_fraction <= 0.5:
        bound = error_bound(n_selected, X.shape[1], threshold)
    stable = np.flatnonzero(largest >= threshold)
    return StabilitySelection(
        axis, strengths, probabilities, largest, stable, n_selected, bound, threshold
    )


def error_bound(n_selected, n_features, threshold):
    """Return the bound on the expected number of uninformative stable features.

    Theorem 1 of Meinshausen & Buehlmann (2010).

    Parameters
    ----------
    n_selected : float
        Mean number of features that a subsample selects at any strength.
    n_features : int
    threshold : float
        In (0.5, 1].
    """
    return n_selected**2 / ((2.0 * threshold - 1.0) * n_features)


def _alive_features(tasks, n_jobs, brake, unit):
    """Return what `_survivors` returns for all subsamples.

    After an interrupt it is that of as many as would have been asked for, in units of ``unit``:
    of the first ones, because those that happen to be done are those that are quickly done.
    """
    found, results = [], run_all(_survivors, tasks, n_jobs, brake)
    try:
        for alive in results:
            if alive is None:
                break
            found.append(alive)
    except KeyboardInterrupt:
        pass
    finally:
        results.close()
    if len(found) == len(tasks):
        return np.array(found)
    n_done = len(found) // unit * unit
    if not n_done:
        raise KeyboardInterrupt("The selection was interrupted before a subsample was done.")
    warn(
        f"Selection interrupted: {n_done} of {len(tasks)} subsamples are complete, and the result "
        f"is that of n_subsamples={n_done}."
    )
    return np.array(found[:n_done])


class Subsample(NamedTuple):
    """A network to fit, and the rows to fit it on."""

    model: object
    is_chosen: np.ndarray  # bits of the rows, packed


def _survivors(subsample, axis, strengths, warm_max_iter, brake, X, y, weight):
    """Return which features are alive at each strength, (n_strengths, n_features).

    None where the user has ended the walk. The data are arguments of their own, because joblib's
    backends send arrays to their workers once only if they stand among these.
    """
    model = subsample.model
    is_chosen = np.unpackbits(subsample.is_chosen, count=weight.size)
    rows = X, y, np.where(is_chosen, weight, 0)
    alive = np.zeros((strengths.size, X.shape[1]), dtype=bool)
    find_null, model._brake, place = null_on_demand(model, rows), brake, -1
    for place, _ in enumerate(walk(model, axis, strengths, rows, find_null, warm_max_iter)):
        alive[place, model.active_features_] = True
    return alive if place == strengths.size - 1 else None


def _subsamples(weight, n_subsamples, fraction, in_pairs, random_state):
    """Yield a seed and the row weights of each subsample."""
    rows = np.flatnonzero(weight)
    size = max(1, int(rows.size * fraction))
    order = None
    for place in range(n_subsamples):
        is_second = in_pairs and place % 2
        order = order[size:] if is_second else random_state.permutation(rows)
        sample = np.zeros_like(weight)
        sample[order[:size]] = weight[order[:size]]
        yield random_state.randint(LARGEST_SEED), sample


def _seeded(model, seed):
    """Return a clone that has a seed."""
    model = clone(model)
    return model if model.random_state is not None else model.set_params(random_state=seed)


def _check_data(model, X, y, sample_weight):
    """Convert X once; return X, y and one weight per row."""
    names = getattr(X, "columns", None)
    dtypes = compute_dtypes(model, first_pass=True)
    X = as_rows(check_array(X, accept_sparse=["csr"], dtype=dtypes, input_name="X"), dtypes)
    if names is not None:  # the array has lost them
        _number_groups(model, X.shape[1], list(names))
    y = y if hasattr(y, "shape") else np.asarray(y)
    if isinstance(sample_weight, numbers.Number):  # the weight of every row
        sample_weight = np.full(X.shape[0], sample_weight)
    check_consistent_length(X, y, sample_weight)
    if sample_weight is None:
        return X, y, np.ones(X.shape[0], X.dtype)
    weight = check_array(sample_weight, ensure_2d=False, dtype=X.dtype, input_name="sample_weight")
    if weight.min() < 0 or not weight.any():
        raise ValueError(
            f"sample_weight has the smallest value {weight.min():g} and the largest "
            f"{weight.max():g}; no weight may be negative, and not every row may have weight zero."
        )
    return X, y, weight


def _number_groups(model, n_features, names):
    """Let the groups of the model, and of its transforms, call columns by their indices."""
    model.set_params(augmentation=clone(model.augmentation, safe=False))  # the user's stay
    for owner in (model, *as_list(model.augmentation)):
        groups = getattr(owner, "feature_groups", None)
        if groups is not None:
            groups = column_groups("feature_groups", groups, n_features, names)
            owner.set_params(feature_groups=groups)


def _check_numbers(n_subsamples, sample_fraction, threshold, complementary_pairs):
    if not is_integer(n_subsamples) or n_subsamples < 1:
        raise ValueError(f"n_subsamples={n_subsamples!r} must be an integer of at least 1.")
    if not isinstance(sample_fraction, numbers.Real) or not 0 < sample_fraction < 1:
        raise ValueError(
            f"sample_fraction={sample_fraction!r} must be in (0, 1); 0.5 is what the error bound "
            "is made for."
        )
    if not isinstance(threshold, numbers.Real) or not 0.5 < threshold <= 1:
        raise ValueError(
            f"threshold={threshold!r} must be in (0.5, 1]: the error bound needs more than half "
            "of the subsamples to agree."
        )
    if not isinstance(complementary_pairs, bool | np.bool_):
        raise ValueError(f"complementary_pairs={complementary_pairs!r} must be True or False.")
    if complementary_pairs and (n_subsamples % 2 or sample_fraction > 0.5):
        raise ValueError(
            f"complementary_pairs=True needs an even n_subsamples and a sample_fraction of at "
            f"most 0.5, but they are {n_subsamples} and {sample_fraction}."
        )
