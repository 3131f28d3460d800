"""One mini-batch through the network: rows forward and backward, then weight gradients.

The work of a batch has two parts. *Rows* are independent: a thread takes a block of them through
gather, forward, loss and backward without waiting for anybody. *Weight rows* (units of fan-in) are
independent too once all rows are done: a thread sums their gradients over the whole batch.

The forward pass leaves the slope of every activation (times its dropout factor) where the delta
will be; the backward product multiplies it in while its result is still in registers. So there is
no derivative pass and no stored mask.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.activations import activate, keeps_zero
from skreg._kernels.gather import batch_targets
from skreg._kernels.job import (
    ACTIVATION,
    BIASES_AT,
    CHOOSE_PLUG,
    DELTAS,
    DROP_UNITS_PLUG,
    LEAD,
    MEMORY,
    ORDER,
    PADDED_FAN_IN,
    PANELS,
    ROW_LOSSES,
    SAMPLE_WEIGHT,
    SKIP_PLUG,
    SKIPS,
    SOFT_LOSS_ROWS_PLUG,
    SPARSE_GRADIENT_PLUG,
    SPARSE_PRODUCT_PLUG,
    TARGET,
    THRESHOLD,
    TRANSPOSED,
    TRANSPOSED_AT,
    UNITS,
    VALUES,
    WEIGHTS,
    WEIGHTS_AT,
    doubles,
    integers,
    lanes_of,
    numbers,
    packed_at,
    part,
)
from skreg._kernels.lanes import load, load_first, store_first
from skreg._kernels.links import apply_link
from skreg._kernels.losses import OutputRows, evaluate_loss, evaluate_soft
from skreg._kernels.matmul import Multiplication, product, whole_tiles
from skreg._kernels.outputs import OutputShape
from skreg._kernels.plugs import call, plug
from skreg._kernels.skipping import (
    BACKWARD,
    FEWEST_PANELS,
    FEWEST_ROWS,
    FORWARD,
    WEIGHT_GRADIENT,
)
from skreg._kernels.tiles import ADD, MULTIPLY, PLUS, STORE, Numbers, Panels
from skreg._kernels.transpose import Strided, transpose, transpose_numbers


@jit
def multiply(job, what, level, place, task):
    """Carry out a `Multiplication` whose left side lies at a level; its zeros may be skipped.

    ``place`` is the batch row or, for a gradient, the column of that level where the left side
    begins, and for a gradient the first batch row of its sums.
    """
    least = (FEWEST_PANELS - 1) * lanes_of(job)
    is_long = what != WEIGHT_GRADIENT or task.depth >= FEWEST_ROWS
    if job.layout[SKIPS, level] > 0 and task.n_columns > least and is_long:
        call(plug(job, SKIP_PLUG), (job, np.int64(what), np.int64(level), place, task))
    else:
        product(whole_tiles(task))


@jit
def last_size(job):
    """Return how many rows the last batch of an epoch has."""
    n_rows = integers(job, ORDER).size
    return n_rows - max(n_rows - 1, 0) // job.batch_size * job.batch_size


@jit
def choose_skips(job, n_rows):
    """Decide by the first ``n_rows`` of the last batch which zeros the next epoch skips."""
    if plug(job, CHOOSE_PLUG) != 0:
        call(plug(job, CHOOSE_PLUG), (job, np.int64(n_rows)))


@jit
def forward(job, source, level, first, last):
    """Compute the products of ``level`` for batch rows ``first:last``, bias not yet added."""
    layout, memory, width = job.layout, numbers(job, MEMORY), lanes_of(job)
    k = level - 1
    lead, below = layout[LEAD, level], layout[LEAD, k]
    b = Panels(
        numbers(job, WEIGHTS), layout[WEIGHTS_AT, k], width, layout[PADDED_FAN_IN, k] * width
    )
    c = Panels(memory, layout[VALUES, level] + first * lead, lead, width)
    if k == 0 and source.is_sparse:
        call(plug(job, SPARSE_PRODUCT_PLUG), (job, b, c, first, last, layout[PANELS, k]))
    else:
        a = Numbers(memory, layout[VALUES, k] + first * below, below, 1)
        sizes = last - first, layout[UNITS, k], layout[UNITS, level]
        task = Multiplication(a, b, c, *sizes, np.int64(STORE), part(memory, 0, 0))
        multiply(job, FORWARD, k, (first, np.int64(0)), task)


@jit
def activate_level(job, level, first, last):
    """Add the bias and apply the activation of ``level`` to batch rows ``first:last``."""
    layout, memory = job.layout, numbers(job, MEMORY)
    k, lead, code = level - 1, layout[LEAD, level], layout[ACTIVATION, level]
    width = layout[PANELS, k] * lanes_of(job)
    bias = part(numbers(job, WEIGHTS), layout[BIASES_AT, k], width)
    size = (last - first) * lead
    values = part(memory, layout[VALUES, level] + first * lead, size)
    slopes = part(memory, layout[DELTAS, level] + first * lead, size)
    activate(code, values, slopes, bias, lead, last - first)
    if not keeps_zero(code):
        for i in range(last - first):
            for j in range(layout[UNITS, level], width):
                values[i * lead + j] = 0


@jit
def forward_rows(job, source, draw, first, last):
    """Take batch rows ``first:last`` from the input to the raw outputs, biases added.

    ``draw`` numbers the draws of dropout; a negative draw is the plain network.
    """
    layout = job.layout
    n_matrices = layout.shape[1] - 1
    for level in range(1, n_matrices + 1):
        forward(job, source, level, first, last)
        activate_level(job, level, first, last)
        if draw >= 0 and layout[THRESHOLD, level] > 0:
            call(plug(job, DROP_UNITS_PLUG), (job, np.int64(level), draw, first, last))


@jit
def loss_rows(job, source, first, last):
    """Evaluate loss and delta of batch rows ``first:last`` from their raw outputs."""
    if plug(job, SOFT_LOSS_ROWS_PLUG) != 0:
        call(plug(job, SOFT_LOSS_ROWS_PLUG), (job, source, first, last))
        return
    rows = output_rows(job, source, first, last)
    parameter = job.kind.dtype.type(job.output_rule.parameter)
    evaluate_loss(job.output_rule.loss, parameter, rows)


@jit
def soft_loss_rows(job, source, first, last):
    """Do what `loss_rows` does, for targets that are probabilities; a plug."""
    evaluate_soft(output_rows(job, source, first, last))
    return True


@jit
def output_shape(job, n_rows):
    """Return the `OutputShape` of some rows of a batch."""
    layout = job.layout
    level = layout.shape[1] - 1
    width = layout[PANELS, level - 1] * lanes_of(job)
    return OutputShape(n_rows, layout[UNITS, level], layout[LEAD, level], width)


@jit
def output_rows(job, source, first, last):
    """Return the `OutputRows` of batch rows ``first:last``."""
    layout, memory = job.layout, numbers(job, MEMORY)
    level = layout.shape[1] - 1
    n_rows, n_targets, lead = last - first, batch_targets(job, source), layout[LEAD, level]
    return OutputRows(
        part(memory, layout[VALUES, level] + first * lead, n_rows * lead),
        part(memory, layout[DELTAS, level] + first * lead, n_rows * lead),
        part(numbers(job, TARGET), first * n_targets, n_rows * n_targets),
        part(numbers(job, SAMPLE_WEIGHT), first, n_rows),
        part(doubles(job, ROW_LOSSES), first, n_rows),
        output_shape(job, n_rows),
    )


@jit
def link_rows(job, first, last):
    """Turn the raw outputs of batch rows ``first:last`` into predictions."""
    shape = output_shape(job, last - first)
    start = job.layout[VALUES, job.layout.shape[1] - 1] + first * shape.lead
    outputs = part(numbers(job, MEMORY), start, shape.n_rows * shape.lead)
    apply_link(job.output_rule.link, outputs, shape)


@jit
def backward_rows(job, lowest, first, last):
    """Take the deltas of batch rows ``first:last`` from the outputs to the level ``lowest``."""
    layout, memory, width = job.layout, numbers(job, MEMORY), lanes_of(job)
    for level in range(layout.shape[1] - 2, lowest - 1, -1):
        mode = MULTIPLY if level > 0 else STORE  # the input has no slope
        above, lead = layout[LEAD, level + 1], layout[LEAD, level]
        n_above = layout[UNITS, level + 1]
        a = Numbers(memory, layout[DELTAS, level + 1] + first * above, above, 1)
        b = Panels(numbers(job, TRANSPOSED), layout[TRANSPOSED_AT, level], width, n_above * width)
        c = Panels(memory, layout[DELTAS, level] + first * lead, lead, width)
        sizes = last - first, n_above, layout[UNITS, level]
        task = Multiplication(a, b, c, *sizes, np.int64(mode), part(memory, 0, 0))
        multiply(job, BACKWARD, level + 1, (first, np.int64(0)), task)


@jit
def weight_gradient(job, source, k, rows, batch, mode, out):
    """Sum the gradient of weight rows ``rows[0]:rows[1]`` of matrix k over rows of the batch.

    These are ``batch[0]:batch[1]``; ``out`` is the gradient of all parameters.
    """
    layout, memory, width = job.layout, numbers(job, MEMORY), lanes_of(job)
    c = Panels(out, packed_at(job, k, 0, rows[0]), width, layout[PADDED_FAN_IN, k] * width)
    if k == 0 and source.is_sparse:
        call(plug(job, SPARSE_GRADIENT_PLUG), (job, c, rows, batch, mode))
    else:
        below, above = layout[LEAD, k], layout[LEAD, k + 1]
        a = Numbers(memory, layout[VALUES, k] + batch[0] * below + rows[0], 1, below)
        b = Panels(memory, layout[DELTAS, k + 1] + batch[0] * above, above, width)
        sizes = rows[1] - rows[0], batch[1] - batch[0], layout[UNITS, k + 1]
        weights = numbers(job, WEIGHTS)
        updated = part(weights, 0, weights.size if job.is_shared else 0)
        task = Multiplication(a, b, c, *sizes, mode, updated)
        multiply(job, WEIGHT_GRADIENT, k, (rows[0], batch[0]), task)


@jit
def bias_gradient(job, k, batch, mode, out):
    """Sum the deltas over rows of the batch: the gradient of the bias of matrix k.

    Four sums, each of every fourth row, do not wait for one another. Padding stays zero: what the
    deltas hold there may be slopes that no product has touched.
    """
    layout, memory = job.layout, numbers(job, MEMORY)
    lead, width, n_units = layout[LEAD, k + 1], lanes_of(job), layout[UNITS, k + 1]
    first, last = batch
    for p in range(layout[PANELS, k]):
        start, at = layout[DELTAS, k + 1] + p * width, layout[BIASES_AT, k] + p * width
        a = load_first(out, at, width if mode == ADD else 0, 0.0)
        b = c = d = load_first(out, at, 0, 0.0)
        whole = first + (last - first) // 4 * 4
        for i in range(first, whole, 4):
            here = start + i * lead
            a = a + load(memory, here)
            b = b + load(memory, here + lead)
            c = c + load(memory, here + 2 * lead)
            d = d + load(memory, here + 3 * lead)
        for i in range(whole, last):
            a = a + load(memory, start + i * lead)
        sums = (a + b) + (c + d) + load_first(out, at, width if mode == PLUS else 0, 0.0)
        store_first(out, at, min(width, n_units - p * width), sums)


@jit
def transpose_weights(job, k, first, last):
    """Write rows ``first:last`` of matrix k into its transposed copy, which backward reads.

    A vector of that copy holds one unit above and consecutive rows. Whole vectors are written
    square by square; where other rows of a vector are another thread's, number by number.
    """
    layout, width = job.layout, lanes_of(job)
    weights, transposed = numbers(job, WEIGHTS), numbers(job, TRANSPOSED)
    n_above, panel = layout[UNITS, k + 1], layout[PADDED_FAN_IN, k] * width
    row = first
    while row < last:
        start = row // width * width
        stop = min(start + width, last)
        whole = row == start and (stop == start + width or stop == layout[UNITS, k])
        at = packed_at(job, k, 0, row)
        out_at = layout[TRANSPOSED_AT, k] + start * n_above + row - start
        for above in range(0, n_above, width):
            source = Strided(weights, at, width, stop - row)
            out = Strided(transposed, out_at + above * width, width, min(width, n_above - above))
            if whole:
                transpose(source, out)
            else:
                transpose_numbers(source, out)
            at += panel
        row = stop
