"""An epoch of a small network: every member of the team has a copy of the parameters of its own.

A cache line that two cores have read is slow to write again (7 ns on the processor where this was
measured, as against 1 ns for a line that only the other core has touched), and where members
share the weights, every step writes what both have read. So a batch is divided into *parts*,
whose number depends on the task alone: a member takes its parts through the network, sums their
gradients part by part, meets the others once, and then takes the whole step on its own copy. All
copies stay equal to the bit, since all add the same parts in the same order.

The gradient over all rows is summed in the same way, a round of chunks after the other: a part is a
chunk of rows then.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.job import (
    FROZEN,
    GRADIENT,
    ORDER,
    PADDED_FAN_IN,
    PART_GRADIENTS,
    RATE,
    STEPS,
    integers,
    lanes_of,
    numbers,
    part,
)
from skreg._kernels.learn import learn
from skreg._kernels.network import bias_gradient, choose_skips, last_size, weight_gradient
from skreg._kernels.parts import (
    NOTHING_TO_ADD,
    Batch,
    add_gradients,
    part_gradient,
    part_sums,
)
from skreg._kernels.passes import (
    report_loss,
    report_penalties,
    rows_loss,
    rows_pass,
    rows_weight,
)
from skreg._kernels.solvers import plan_step
from skreg._kernels.team import Team, meet, share
from skreg._kernels.tiles import PLUS, STORE

FEWEST_ROWS_OF_CHUNK = 96  # of a chunk: what is done once for each takes its time, too


@jit
def train_replicas(tid, team, job):
    """Run through all rows in mini-batches; ``job`` holds the member's own parameters."""
    order, alone = integers(job, ORDER), Team(team.flags, 1)
    # Where nothing is exchanged, one member adds the gradients of all parts as they come.
    adds_in_place = numbers(job, PART_GRADIENTS).size == 0
    t, side = np.int64(job.report[STEPS]), NOTHING_TO_ADD if adds_in_place else 0
    mine, rate = share(tid, team.n_threads, job.n_parts, 1), job.report[RATE]
    for start in range(0, order.size, job.batch_size):
        index = part(order, start, min(job.batch_size, order.size - start))
        pass_parts(job, alone, index, t + 1, mine, side)
        if not meet(team):
            return
        loss, total = add_sums(job, side)
        if total > 0:
            t += 1
            step = plan_step(job.rule, rate, t, 1.0 / total)
            learn(0, alone, job, Batch(index.size, side), step)
        if tid == 0:
            report_loss(job, loss, total)
            if total > 0:
                report_penalties(job, total)
        side = side if adds_in_place else 1 - side
    if tid == 0:
        job.report[STEPS] = t
        choose_skips(job, share(0, job.n_parts, last_size(job), 1)[1])


@jit
def pass_parts(job, alone, index, draw, parts, side):
    """Take a range of parts of the batch through the network; sum gradients, loss, weight of each.

    ``side`` is theirs of the exchange; where there is NOTHING_TO_ADD later, gradients are added
    as they come.
    """
    first, last = parts
    begin, _ = share(first, job.n_parts, index.size, 1)
    _, end = share(last - 1, job.n_parts, index.size, 1)
    rows_pass(0, alone, job, index, draw, (begin, end))
    for number in range(first, last):
        rows = share(number, job.n_parts, index.size, 1)
        mode = np.int64(PLUS if side == NOTHING_TO_ADD and number > 0 else STORE)
        sum_part(job, number, rows, side, mode)


@jit
def sum_part(job, number, rows, side, mode):
    """Sum gradient, loss and weight of part ``number`` over ``rows`` of the member's memory."""
    out = part_gradient(job, number, side)
    for k in range(job.layout.shape[1] - 1):
        if not job.layout[FROZEN, k]:
            whole = (np.int64(0), job.layout[PADDED_FAN_IN, k])
            weight_gradient(job, job.train, k, whole, rows, mode, out)
            bias_gradient(job, k, rows, mode, out)
    sums = part_sums(job, number, side)
    sums[0] = rows_loss(job, rows[0], rows[1])
    sums[1] = rows_weight(job, job.train, rows[0], rows[1])


@jit
def add_sums(job, side):
    """Return loss and weight of a batch from those of its parts."""
    loss, total = 0.0, 0.0
    for number in range(job.n_parts):
        sums = part_sums(job, number, side)
        loss += sums[0]
        total += sums[1]
    return loss, total


@jit
def full_gradient_of_parts(tid, team, job, own):
    """Accumulate loss, weight and gradient of the data term over all rows, in rounds of chunks.

    ``own`` is the job with this member's own memory and parameters.
    """
    order, alone = integers(job, ORDER), Team(team.flags, 1)
    adds_in_place = numbers(job, PART_GRADIENTS).size == 0
    side = NOTHING_TO_ADD if adds_in_place else 0
    step = min(max(order.size // job.n_parts, FEWEST_ROWS_OF_CHUNK), job.chunk_size)
    for start in range(0, order.size, step * job.n_parts):
        n_rows = min(step * job.n_parts, order.size - start)
        n_chunks = (n_rows + step - 1) // step
        first, last = share(tid, team.n_threads, n_chunks, 1)
        for number in range(first, last):
            at = number * step
            index = part(order, start + at, min(step, n_rows - at))
            rows = (np.int64(0), index.size)
            rows_pass(0, alone, own, index, np.int64(-1), rows)
            mode = np.int64(PLUS if adds_in_place and start + at > 0 else STORE)
            sum_part(own, number, rows, side, mode)
            if adds_in_place:
                report_part(job, number, side)
        if not meet(team):
            return
        if not adds_in_place:
            add_chunks(tid, team, job, n_chunks, side, start == 0)
            side = 1 - side


@jit
def add_chunks(tid, team, job, n_chunks, side, is_first):
    """Add this member's share of the gradients of a round of chunks to those before it."""
    gradient = numbers(job, GRADIENT)
    start, stop = share(tid, team.n_threads, gradient.size, lanes_of(job))
    if is_first:
        for i in range(start, stop):
            gradient[i] = 0
    add_gradients(job, side, start, stop - start, n_chunks, np.int64(PLUS))
    if tid == 0:
        for number in range(n_chunks):
            report_part(job, number, side)


@jit
def report_part(job, number, side):
    """Report loss and weight of a part."""
    sums = part_sums(job, number, side)
    report_loss(job, sums[0], sums[1])
