"""From a task to its `Job`: the layout, the room for a batch, what every slot holds."""

import numpy as np
import scipy.sparse as sp

from skreg._architecture import make_layout, round_up
from skreg._entries import put_entries
from skreg._kernels import job as slots
from skreg._kernels.job import Job, OutputRule
from skreg._kernels.losses import SOFT_LOG_LOSS
from skreg._kernels.parts import SIDES
from skreg._kernels.simd import CACHE_LINE, lanes
from skreg._kernels.skipping import WORD
from skreg._kernels.solvers import ADAM
from skreg._kernels.tiles import TILE_ROWS
from skreg._penalties import make_penalties
from skreg._plugs import plug_in
from skreg._table import Table
from skreg._task import CHUNK_ROWS, NO_ROWS, count_parts


def build_job(task, team):
    """Return the `Job` of a task, the `Table` that keeps its arrays, and the layout's `Sizes`."""
    network, table = task.network, Table(task.dtype)
    penalties = task.penalties or make_penalties(len(network.units) - 1)
    lowest = 0 if task.is_adversarial else penalties.lowest
    train, valid = _new_sources(table, task)
    n_rows = _put_indices(table, task)
    layout, sizes = _lay_out(task, n_rows, lowest)
    layout[slots.FROZEN, :-1] = penalties.frozen
    n_targets = _count_targets(network, train, valid)
    _put_dropout(table, network, layout)
    _put_parameters(table, task, sizes)
    n_parts = _put_parts(table, task, sizes)
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
        train=train,
        valid=valid,
        seed=network.seed,
        batch_size=task.batch_size,
        chunk_size=n_rows,
        n_parts=n_parts,
        is_shared=int(task.n_threads > 1 and n_parts == 1 and task.batch_size > 1),
        lowest=lowest,
    )
    plug_in(table, task, penalties, job, team)
    return job, table, sizes


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


def _put_indices(table, task):
    """Enter which rows are learned from and validated on; return how many a chunk has at most."""
    sets = (
        (task.train.X, _index(task.train_index, task.train.X)),
        (task.validated.X, _index(task.valid_index, task.validated.X)),
    )
    (_, order), (_, valid_rows) = sets
    n_rows = max(task.batch_size, min(CHUNK_ROWS, max(order.size, valid_rows.size)))
    table.put(slots.ORDER, order)
    table.put(slots.VALID_ROWS, valid_rows)
    table.new(slots.OUTPUTS, valid_rows.size * task.network.units[-1])
    put_entries(table, sets, n_rows, task.for_training)
    return n_rows


def _index(index, X):
    if index is None:
        return np.arange(X.shape[0], dtype=np.int64)
    return np.array(index, dtype=np.int64)  # a copy: an epoch shuffles it in place


def _lay_out(task, n_rows, lowest):
    """Return the layout for chunks of ``n_rows`` rows, and its sizes."""
    network = task.network
    n_more = n_rows if task.is_adversarial else TILE_ROWS
    is_sparse = all(sp.issparse(rows.X) or rows is NO_ROWS for rows in (task.train, task.validated))
    return make_layout(
        network.units, network.activations, task.dtype,
        round_up(n_rows, TILE_ROWS) + n_more, is_sparse, lowest == 0,
    )  # fmt: skip


def _count_targets(network, *sources):
    """Return how many targets a row of a batch has: labels become as many probabilities."""
    if network.loss == SOFT_LOG_LOSS:
        return network.units[-1]
    return max(source.n_targets for source in sources)


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


def _rule(task):
    """Return the rule; an epsilon that is zero in this dtype would divide the zeros of padding."""
    smallest = float(np.finfo(task.dtype).tiny)
    return task.rule._replace(epsilon=max(task.rule.epsilon, smallest))
