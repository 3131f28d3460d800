"""From arrays to a compiled `Job`: the records that describe a fit, and the table of addresses."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from skreg._architecture import aligned_zeros, make_layout, round_up
from skreg._entries import canonical, put_entries
from skreg._kernels import job as slots
from skreg._kernels.job import Job, OutputRule, Source
from skreg._kernels.links import LINK_IDENTITY
from skreg._kernels.losses import SOFT_LOG_LOSS, SQUARED_ERROR
from skreg._kernels.parts import SIDES
from skreg._kernels.plugs import address_of
from skreg._kernels.simd import CACHE_LINE, lanes
from skreg._kernels.skipping import WORD
from skreg._kernels.solvers import ADAM, SGD, Rule
from skreg._kernels.tiles import TILE_ROWS
from skreg._penalties import Penalties, make_penalties
from skreg._plugs import plug_in


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
MOST_BYTES_OF_REPLICAS = 131072  # of parameters that every member of a team has for itself
ROWS_OF_PART, MOST_PARTS = 96, 8
CHUNK_ROWS = 256  # rows at a time where no update follows: enough to fill tiles, small in cache


# What an epoch reads of the one before, and what else it writes: members with parameters of their
# own have arrays of their own for both.
STATE_SLOTS = slots.WEIGHTS, slots.FIRST, slots.SECOND, slots.TRANSPOSED, slots.AVERAGE
WRITTEN_SLOTS = (
    *STATE_SLOTS, slots.GRADIENT, slots.MEMORY, slots.TARGET, slots.SAMPLE_WEIGHT, slots.SPARSE,
    slots.COLUMNS, slots.STARTS, slots.BY_COLUMN, slots.BATCH_ROWS, slots.COLUMN_ENDS,
    slots.ROW_LOSSES, slots.SUMS, slots.SQUARES, slots.GROUP_SUMS, slots.COLUMN_SQUARES,
    slots.NOTES, slots.DELTA_NOTES, slots.COLUMN_NOTES, slots.PARTIAL_SUMS,
)  # fmt: skip


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


class Table:
    """The table of addresses of a `Job`, with the arrays behind it, which it keeps alive."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.addresses = np.zeros((slots.N_SLOTS, 2), dtype=np.int64)
        self.arrays = {}

    def dtype_of(self, slot):
        """Return the dtype in which kernels open a slot."""
        return slots.SLOT_DTYPES.get(slot, self.dtype)

    def put(self, slot, array):
        """Enter a vector, which kernels read and write by its address."""
        if array.dtype != self.dtype_of(slot) or not array.flags.c_contiguous:
            raise TypeError(f"slot {slot} is of {self.dtype_of(slot)}, not of {array.dtype}")
        self.arrays[slot] = array
        self.addresses[slot] = array.ctypes.data if array.size else 0, array.size

    def new(self, slot, size):
        """Enter a vector of zeros."""
        dtype = self.dtype_of(slot)
        self.put(slot, aligned_zeros(size, dtype) if size else np.empty(0, dtype))

    def replica(self):
        """Return a table for another member: what is written in training is its own."""
        copy = Table(self.dtype)
        copy.arrays, copy.addresses = dict(self.arrays), self.addresses.copy()
        for slot in WRITTEN_SLOTS:
            if slot in self.arrays:
                copy.new(slot, self.arrays[slot].size)
        return copy

    def refresh(self, original):
        """Take the parameters of the original, and what its solver remembers of them."""
        for slot in STATE_SLOTS:
            if slot in self.arrays:
                self.arrays[slot][:] = original.arrays[slot]

    def swap(self, one, other):
        """Exchange what stands in two slots."""
        arrays = self.arrays
        arrays[one], arrays[other] = arrays[other], arrays[one]
        self.addresses[[one, other]] = self.addresses[[other, one]]

    def put_vector(self, slot, numbers):
        """Enter numbers of any shape and type; what fits is not copied."""
        vector = np.ascontiguousarray(numbers, dtype=self.dtype_of(slot)).reshape(-1)
        self.put(slot, vector)

    def put_groups(self, starts, members, groups):
        """Enter groups of numbers: where each begins, and its members."""
        sizes = [len(group) for group in groups]
        self.put_vector(starts, np.concatenate([[0], np.cumsum(sizes)]))
        self.put_vector(members, np.concatenate(groups))

    def plug(self, slot, function, *examples):
        """Enter the address of a function that takes arguments like the examples."""
        self.addresses[slot, 0] = address_of(function, *examples)

    def new_source(self, slot, rows):
        """Enter rows; arrays of the right dtype and contiguous in either order are not copied."""
        X, target, weight = rows
        n_targets = 0 if target is None else target.shape[1]
        self.put_vector(slot + slots.Y, [] if target is None else target)
        self.put_vector(slot + slots.Y_WEIGHT, [] if weight is None else weight)
        is_sparse = sp.issparse(X)
        steps = self._sparse(slot, X) if is_sparse else self._dense(slot, X)
        return Source(slot, int(is_sparse), *steps, n_targets, int(weight is not None), 0.0)

    def _dense(self, slot, X):
        by_columns = X.flags.f_contiguous and not X.flags.c_contiguous
        self.put_vector(slot + slots.X, X.T if by_columns else X)
        return (1, X.shape[0]) if by_columns else (X.shape[1], 1)

    def _sparse(self, slot, X):
        X = canonical(X)
        self.put_vector(slot + slots.X, X.data)
        self.put_vector(slot + slots.X_COLUMNS, X.indices)
        self.put_vector(slot + slots.X_STARTS, X.indptr)
        return 0, 0


def _index(index, n_rows):
    if index is None:
        return np.arange(n_rows, dtype=np.int64)
    return np.array(index, dtype=np.int64)  # a copy: an epoch shuffles it in place


def build_job(task, team):
    """Return the `Job` of a task, the `Table` that keeps its arrays, and the layout's `Sizes`."""
    network, table = task.network, Table(task.dtype)
    penalties = task.penalties or make_penalties(len(network.units) - 1)
    valid = task.train if task.valid is None else task.valid
    order = _index(task.train_index, task.train.X.shape[0])
    valid_rows = _index(task.valid_index, valid.X.shape[0])
    n_rows = max(task.batch_size, min(CHUNK_ROWS, max(order.size, valid_rows.size)))
    lowest = 0 if task.is_adversarial else penalties.lowest
    layout, sizes = make_layout(
        network.units, network.activations, task.dtype,
        round_up(n_rows, TILE_ROWS) + (n_rows if task.is_adversarial else TILE_ROWS),
        _is_sparse(task.train, valid), lowest == 0,
    )  # fmt: skip
    layout[slots.FROZEN, :-1] = penalties.frozen
    train_source, valid_source = _new_sources(table, task)
    table.put(slots.ORDER, order)
    table.put(slots.VALID_ROWS, valid_rows)
    table.new(slots.OUTPUTS, valid_rows.size * network.units[-1])
    put_entries(table, ((task.train.X, order), (valid.X, valid_rows)), n_rows, task.for_training)
    _put_dropout(table, network, layout)
    _put_parameters(table, task, sizes)
    n_parts = _put_parts(table, task, sizes)
    n_targets = max(train_source.n_targets, valid_source.n_targets)
    n_targets = network.units[-1] if network.loss == SOFT_LOG_LOSS else n_targets
    _put_batch(table, sizes, n_targets)
    _put_penalties(table, task, penalties, layout, sizes)
    _put_augmentation(table, task, sizes, n_targets)
    job = Job(
        table=table.addresses,
        kind=np.empty(0, task.dtype),
        layout=layout,
        report=np.zeros(slots.N_REPORTS),
        output_rule=OutputRule(network.loss, float(network.parameter), network.link),
        rule=_rule(task),
        train=train_source,
        valid=valid_source,
        seed=network.seed,
        batch_size=task.batch_size,
        chunk_size=n_rows,
        n_parts=n_parts,
        is_shared=int(task.n_threads > 1 and n_parts == 1 and task.batch_size > 1),
        lowest=lowest,
    )
    plug_in(table, task, penalties, job, team)
    return job, table, sizes


def _rule(task):
    """Return the rule; an epsilon that is zero in this dtype would divide the zeros of padding."""
    smallest = float(np.finfo(task.dtype).tiny)
    return task.rule._replace(epsilon=max(task.rule.epsilon, smallest))


def _new_sources(table, task):
    """Return the sources of the rows to train on and to validate.

    Validation takes labels as they are; without training, it measures the objective, of which
    smoothed labels are a part.
    """
    smoothing = float(task.network.smoothing)
    train = valid = table.new_source(slots.TRAIN_SLOT, task.train)
    if task.valid is not None:
        valid = table.new_source(slots.VALID_SLOT, task.valid)
    of_valid = 0.0 if task.for_training else smoothing
    return train._replace(smoothing=smoothing), valid._replace(smoothing=of_valid)


def _is_sparse(*sets):
    return all(sp.issparse(rows.X) or rows is NO_ROWS for rows in sets)


def _put_dropout(table, network, layout):
    rates = np.array(network.dropout, dtype=np.float64)
    layout[slots.THRESHOLD, : rates.size] = np.minimum(np.rint(rates * 2.0**32), 2**32 - 1)
    table.put_vector(slots.FACTORS, 1.0 / (1.0 - rates))


def _put_parameters(table, task, sizes):
    full = sizes.parameters if task.for_training else 0
    table.new(slots.WEIGHTS, sizes.parameters)
    table.new(slots.FIRST, full)
    table.new(slots.SECOND, full if task.rule.solver == ADAM else 0)
    table.new(slots.GRADIENT, full)
    table.new(slots.TRANSPOSED, sizes.transposed if task.for_training else 0)
    table.new(slots.AVERAGE, full if task.rule.averaging > 0 else 0)


def _put_parts(table, task, sizes):
    """Make room for what members exchange, and return the number of parts of a batch."""
    n_parts = count_parts(task, sizes.parameters)
    n_places = SIDES * n_parts if n_parts > 1 else 0
    # One member adds the whole sum of each part to those before it (PLUS), in the order in which
    # those who exchange add them, and needs no room for any.
    table.new(slots.PART_GRADIENTS, n_places * sizes.parameters if task.n_threads > 1 else 0)
    table.new(slots.PART_SUMS, n_places * (CACHE_LINE // 8))
    return n_parts


def _put_batch(table, sizes, n_targets):
    table.new(slots.MEMORY, sizes.memory + WORD)  # zeros are noted by whole words
    table.new(slots.TARGET, sizes.rows * n_targets)
    table.new(slots.SAMPLE_WEIGHT, sizes.rows)
    table.new(slots.ROW_LOSSES, sizes.rows)
    table.new(slots.STARTS, sizes.rows + 1)


def _put_penalties(table, task, penalties, layout, sizes):
    n_terms = slots.N_TERMS if penalties.is_structured else 2  # l1 and l2 come first
    table.new(slots.SUMS, n_terms * sizes.tiles * lanes(table.dtype))
    clips = task.rule.clip_norm > 0
    table.new(slots.SQUARES, sizes.tiles if clips else 0)
    fan_out = layout[slots.UNITS, 1:]
    with np.errstate(over="ignore"):  # what the dtype has no room for is no bound
        largest = penalties.max_norm.astype(table.dtype)
    has_factors = (np.arange(fan_out.size) == 0) & (penalties.factors is not None)
    for slot, strengths in {
        slots.L1: penalties.l1,
        slots.L2: np.where(has_factors, 0.0, penalties.l2),
        slots.L2_BY_FEATURE: np.where(has_factors, penalties.l2, 0.0),
        slots.L2_ANCHOR: penalties.l2_anchor,
        slots.GROUP_L1: penalties.group_l1 * np.sqrt(fan_out),
        slots.MAX_NORM: largest,
    }.items():
        table.put_vector(slot, strengths)
    if penalties.factors is not None:
        padded = np.zeros(layout[slots.PADDED_FAN_IN, 0])
        padded[: penalties.factors.size] = penalties.factors
        table.put_vector(slots.ROW_FACTORS, padded)
        table.put_vector(slots.L1_ROWS, _times(penalties.l1[0], padded))
    if penalties.groups is not None:
        table.put_groups(slots.GROUP_STARTS, slots.GROUP_ROWS, penalties.groups)
        table.new(slots.GROUP_SUMS, len(penalties.groups))
    table.new(slots.ANCHOR, sizes.parameters if penalties.l2_anchor.any() else 0)
    has_norms = np.isfinite(largest).any()
    table.new(slots.COLUMN_SQUARES, sizes.weights // TILE_ROWS if has_norms else 0)


def _times(strength, factors):
    """Return the strength times each factor; infinite factors stay infinite."""
    return np.where(np.isinf(factors), np.inf, strength * np.where(np.isinf(factors), 0, factors))


def _put_augmentation(table, task, sizes, n_targets):
    augmentation = task.augmentation
    if augmentation is None:
        return
    n_numbers = sizes.input + sizes.rows * (n_targets + 1)  # values, targets, weight of every row
    table.new(slots.BEFORE, n_numbers)
    table.put_vector(slots.TABLES, augmentation.tables)
    scratch = round_up(augmentation.scratch, lanes(table.dtype))
    table.new(slots.SCRATCH, scratch * task.n_threads)
    table.put_vector(slots.TRANSFORMS, augmentation.transforms)
    if augmentation.groups is not None:
        table.put_groups(slots.SWAP_STARTS, slots.SWAP_COLUMNS, augmentation.groups)
