"""What an engine is built from: the network, its rows, and how these are divided."""

from typing import NamedTuple

import numpy as np

from skreg._kernels.links import LINK_IDENTITY
from skreg._kernels.losses import SQUARED_ERROR
from skreg._kernels.solvers import SGD, Rule
from skreg._kernels.tiles import TILE_ROWS
from skreg._penalties import Penalties

MOST_BYTES_OF_REPLICAS = 131072  # of parameters that every member of a team has for itself
ROWS_OF_PART, MOST_PARTS = 96, 8
CHUNK_ROWS = 256  # rows at a time where no update follows: enough to fill tiles, small in cache


class Network(NamedTuple):
    """What a network computes: its units, codes of activations, loss and link, dropout rates.

    ``units`` and ``activations`` are as in `make_layout`; ``dropout`` has one rate per level but
    the last, the first being that of the input. ``smoothing`` of labels is part of the objective
    and not of a validation loss.
    """

    units: tuple
    activations: tuple
    loss: int
    parameter: float
    link: int
    dropout: tuple
    seed: int
    smoothing: float = 0.0

    @classmethod
    def plain(cls, units, activations, link=LINK_IDENTITY):
        """Return a network for predictions: nothing is dropped, and no loss is asked for."""
        return cls(units, activations, SQUARED_ERROR, 0.0, link, (0.0,) * (len(units) - 1), 0)


class Augmentation(NamedTuple):
    """What changes a batch before the forward pass, for `skreg._kernels.augment`."""

    transforms: np.ndarray  # (n_transforms, N_PARAMETERS)
    tables: np.ndarray  # numbers that transforms look up
    groups: tuple | None  # arrays of columns that change together
    scratch: int  # numbers that every thread needs to work with
    is_adversarial: bool


class Rows(NamedTuple):
    """Validated rows: X (n, features), target (n, n_targets) or None, weight (n,) or None."""

    X: object
    target: np.ndarray | None = None
    weight: np.ndarray | None = None


NO_ROWS = Rows(np.empty((0, 1)))
NO_RULE = Rule(SGD, 0.0, 0, 0.0, 0.0, 1.0, 0.0, 0.0)


class Task(NamedTuple):
    """All that an engine is built from."""

    network: Network
    dtype: np.dtype  # of all computations
    train: Rows = NO_ROWS
    valid: Rows | None = NO_ROWS  # None validates on rows of ``train``
    train_index: np.ndarray | None = None  # which rows are trained on; None takes all
    valid_index: np.ndarray | None = None  # which rows are validated on
    rule: Rule = NO_RULE
    penalties: Penalties | None = None
    augmentation: Augmentation | None = None
    batch_size: int = 1  # 0 where nothing is updated: gradients are those of all rows
    n_threads: int = 1
    for_training: bool = True  # False leaves out gradients and moments: prediction needs none

    @property
    def validated(self):
        """The rows among which those to validate on are."""
        return self.train if self.valid is None else self.valid

    @property
    def is_adversarial(self):
        """Whether every batch is learned from twice, as it is and perturbed."""
        return self.augmentation is not None and self.augmentation.is_adversarial

    @property
    def minimizes_objective(self):
        """Whether training ends where the objective does: without noise and decoupled decay."""
        is_noisy = any(self.network.dropout) or self.augmentation is not None
        return not is_noisy and self.rule.weight_decay == 0


def count_parts(task, n_packed):
    """Return into how many parts a batch is divided; 1 where members share the parameters.

    It follows from the task alone, not from the number of threads: sums keep their order.
    """
    n_bytes = n_packed * task.dtype.itemsize
    is_large = n_bytes > MOST_BYTES_OF_REPLICAS
    if not task.for_training or task.augmentation is not None or is_large:
        return 1
    if task.batch_size == 0:
        return MOST_PARTS
    if task.batch_size < 2 * TILE_ROWS:
        return 1
    return min(max(task.batch_size // ROWS_OF_PART, 2), MOST_PARTS)
