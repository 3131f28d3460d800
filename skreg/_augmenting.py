"""Behind `skreg.augmentation`: the base of transforms, the plan of a list of them, samples."""

import functools
from numbers import Real

import numpy as np
from scipy.special import betaincinv
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_consistent_length, check_random_state

from skreg._architecture import check_shapes, round_up, units_of
from skreg._docs import DocLinkMixin
from skreg._engine import Engine
from skreg._job import build_job
from skreg._kernels import job as slots
from skreg._kernels.activations import IDENTITY
from skreg._kernels.augment import QUANTILE_BITS, program_for
from skreg._kernels.batch import ADVERSARIAL, N_PARAMETERS
from skreg._kernels.images import Shape
from skreg._kernels.team import new_team
from skreg._kernels.tiles import TILE_ROWS
from skreg._parameters import column_groups, read_groups
from skreg._random_state import LARGEST_SEED
from skreg._sklearn import Interval
from skreg._task import Augmentation, Network, Rows, Task

NOT_NEGATIVE = [Interval(Real, 0, None, closed="left")]


class Transform(DocLinkMixin, BaseEstimator):
    """Base of all transforms of a batch; not to be used directly."""

    _public_module = "skreg.augmentation"
    _parameter_constraints: dict = {}
    _comes_last = False

    def sample(self, X, y=None, random_state=0):
        """Transform rows as if they were one batch.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows; they are not changed.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets.
        random_state : int, RandomState instance or None, default=0
            What the draws come from.

        Returns
        -------
        X_new : array of shape (n_samples, n_features)
            Transformed rows, float32 where ``X`` is and float64 otherwise.
        y_new : array-like like ``y``
            Only where ``y`` is given.
        """
        names = getattr(X, "columns", None)
        X = check_array(X, dtype=[np.float64, np.float32], input_name="X", estimator=self)
        check_consistent_length(X, y)
        target = None if y is None or self._is_off() else self._blended_target(y)
        if target is not None:
            X, flat = self._transformed(X, target.reshape(X.shape[0], -1), names, random_state)
            return X, flat.reshape(target.shape)
        X, _ = self._transformed(X, np.empty((X.shape[0], 0)), names, random_state)
        return X if y is None else (X, y)

    def _transformed(self, X, target, names, random_state):
        """Return copies of validated rows and targets, as a fit would change them."""
        plan = plan_augmentation(self, X.shape[1], None, names)
        if plan is None:
            return X.copy(), target
        seed = check_random_state(random_state).randint(LARGEST_SEED)
        return sample_batch(plan, X, target, int(seed))

    def _blended_target(self, y):
        """Return numeric targets that change with the rows, None where they stay as they are."""
        return None

    def _is_off(self):
        """Return whether the transform changes nothing."""
        return False


@functools.lru_cache(maxsize=64)
def beta_quantiles(alpha):
    """Return quantiles of Beta(alpha, alpha) at equally spaced probabilities.

    The outermost stand for their whole cells: at probabilities of a quarter of one, instead of
    the 0 and 1 that a concentrated law all but never comes near.
    """
    n_cells = 2**QUANTILE_BITS
    probabilities = np.arange(n_cells + 1) / n_cells
    probabilities[[0, -1]] = 0.25 / n_cells, 1.0 - 0.25 / n_cells
    return betaincinv(alpha, alpha, probabilities)


class TransformPlan:
    """The numbers that transforms become, collected one transform after the other.

    Parameters
    ----------
    n_columns : int
        Of X.
    feature_groups : tuple of arrays of int or None
        Groups that hold every column once, where a transform names none.
    feature_names : sequence of str or None
        Names that a transform may call columns by.
    columns : array of int or None
        Those that the network reads, where it was compressed.

    Attributes
    ----------
    n_features : int
        Of a batch.
    """

    def __init__(self, n_columns, feature_groups, feature_names, columns):
        self.n_features = n_columns if columns is None else columns.size
        self._n_columns, self._columns = n_columns, columns
        self._default_groups, self._names = feature_groups, feature_names
        self._rows, self._tables, self._groups, self._scratch = [], [], [], 0

    def add(self, parameters):
        """Add a transform, given as a dict of its parameters by their places."""
        row = np.zeros(N_PARAMETERS)
        row[list(parameters)] = list(parameters.values())
        self._rows.append(row)

    def reserve(self, n_numbers):
        """Ask for scratch."""
        self._scratch = max(self._scratch, n_numbers)

    def add_table(self, table):
        """Add a table; return where it begins."""
        self._tables.append(table)
        return sum(earlier.size for earlier in self._tables[:-1])

    def add_groups(self, given):
        """Add groups of columns; return the number of the first, and how many there are.

        None are needed where every column is on its own.
        """
        groups = self._default_groups
        if given is not None:
            groups = column_groups("feature_groups", given, self._n_columns, self._names)
        groups = read_groups(groups, self._columns)
        if groups is None or len(groups) == self.n_features:
            return 0, 0
        self._groups += groups
        return len(self._groups) - len(groups), len(groups)

    def image(self, transform):
        """Return the shape of a transform's images, which must be the rows."""
        given, name = transform.image_shape, type(transform).__name__
        if self._columns is not None:
            raise ValueError(
                f"augmentation={transform!r} needs whole images, but the network was compressed: "
                f"it reads {self.n_features} of {self._n_columns} features; set augmentation=None, "
                "or go on training the network from before compress()."
            )
        shape = Shape(*map(int, (*given, 1)[:3]))
        if np.prod(shape) != self.n_features:
            raise ValueError(
                f"image_shape={given!r} of {name} stands for {np.prod(shape)} numbers, but X has "
                f"{self.n_features} features; give (height, width) or (height, width, channels) "
                "of the images that the rows are."
            )
        return shape

    def result(self):
        """Return the `Augmentation`, or None where nothing is to be done."""
        if not self._rows:
            return None
        return Augmentation(
            transforms=np.array(self._rows),
            tables=np.concatenate([np.zeros(0), *self._tables]),
            groups=tuple(self._groups) or None,
            scratch=self._scratch,
            is_adversarial=self._rows[-1][0] == ADVERSARIAL,
        )


def as_list(augmentation):
    """Return the transforms of the parameter ``augmentation`` as a list."""
    if augmentation is None:
        return []
    return [augmentation] if isinstance(augmentation, Transform) else list(augmentation)


def is_off(transform):
    """Return whether an entry of that list is a transform that changes nothing; checks it."""
    if not isinstance(transform, Transform):
        return False
    transform._validate_params()
    return transform._is_off()


class AugmentationMixin:
    """An estimator whose transform can be searched, as ``augmentation__scale``."""

    def set_params(self, **params):
        """Set parameters of this estimator, or of its transform.

        Parameters
        ----------
        **params : dict of str -> object
            ``augmentation__scale`` and its like reach the transform, if there is a single one.

        Returns
        -------
        self : object
            This estimator.
        """
        augmentation = params.get("augmentation", self.augmentation)
        nested = [name for name in params if name.startswith("augmentation__")]
        if nested and not isinstance(augmentation, Transform):
            raise ValueError(
                f"{nested[0]} is a parameter of one transform, but augmentation={augmentation!r}; "
                "set augmentation to a transform, or search augmentation itself among lists."
            )
        return super().set_params(**params)


def plan_augmentation(
    augmentation, n_features, feature_groups=None, feature_names=None, columns=None
):
    """Return what the engine is told about a list of transforms.

    Parameters
    ----------
    augmentation : Transform, list of Transform or None
    n_features : int
        Of X.
    feature_groups : tuple of arrays of int or None
        The estimator's groups, each feature in one of them.
    feature_names : sequence of str or None
        Names of the columns.
    columns : array of int or None
        Those that the network reads, where it was compressed.

    Returns
    -------
    plan : Augmentation or None
        None where nothing is to be done; what is turned off is left out.
    """
    transforms = as_list(augmentation)
    plan = TransformPlan(n_features, feature_groups, feature_names, columns)
    for place, transform in enumerate(transforms):
        if not (isinstance(transform, Transform) and hasattr(transform, "_enter")):
            raise ValueError(
                f"augmentation={augmentation!r} holds {transform!r}, which is not a transform; "
                "give objects of skreg.augmentation, such as GaussianNoise(scale=0.1)."
            )
        if transform._comes_last and place < len(transforms) - 1:
            raise ValueError(
                f"augmentation={augmentation!r} goes on after {transform!r}, which moves rows as "
                "the network sees them; put it last, and only once."
            )
        if not is_off(transform):
            plan.add(transform._enter(plan))
        elif hasattr(transform, "image_shape") and columns is None:
            plan.image(transform)  # whose images must be the rows all the same
    return plan.result()


def sample_batch(plan, X, target, seed):
    """Return rows and targets (n_samples, n_targets) as the kernels of a fit change a batch."""
    n_rows, n_features = X.shape
    units = n_features, max(target.shape[1], 1)
    network = Network.plain(units, (IDENTITY,))._replace(seed=seed)
    task = Task(network, X.dtype, Rows(X, target), augmentation=plan, batch_size=n_rows)
    team = new_team(1)
    job, table, _ = build_job(task, team)
    rows = _input_rows(job, table, 0, n_rows)
    targets = table.arrays[slots.TARGET][: target.size].reshape(target.shape)
    rows[:], targets[:] = X, target
    program_for(plan.transforms)(0, team, job, n_rows, 1)
    return rows.copy(), targets.copy()


def sample_adversary(plan, X, target, estimator):
    """Return rows moved against the loss of a fitted network, as the epoch of a fit moves them.

    The epoch has one batch and the learning rate 0.
    """
    check_shapes(estimator.coefs_, estimator.intercepts_, X.shape[1])
    n_rows, units = X.shape[0], units_of(estimator.coefs_)
    network = estimator._network(units, 0)._replace(dropout=(0.0,) * (len(units) - 1))
    rows = Rows(X, target)
    with Engine(network, X.dtype, train=rows, augmentation=plan, batch_size=n_rows) as engine:
        engine.load_arrays(estimator.coefs_, estimator.intercepts_)
        engine.train_epoch(0.0)
        shift = round_up(n_rows, TILE_ROWS)
        return _input_rows(engine.job, engine.table, shift, n_rows).copy()


def _input_rows(job, table, first, n_rows):
    """Return a view (n_rows, n_features) of input rows of the batch."""
    layout, memory = job.layout, table.arrays[slots.MEMORY]
    lead, start = layout[slots.LEAD, 0], layout[slots.VALUES, 0]
    block = memory[start + first * lead :][: n_rows * lead].reshape(n_rows, lead)
    return block[:, : layout[slots.UNITS, 0]]
