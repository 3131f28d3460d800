"""An epoch of a small network: every member of the team has a copy of the parameters of its own.

A cache line that two cores have read is slow to write again (7 ns on the processor where this was
measured, as against 1 ns for a line that only the other core has touched), and where members
share the weights, every step writes what both have read. So a batch is divided into *parts*,
whose number depends on the task alone: a member takes its parts through the network, sums their
gradients part by part, meets the others once, and then takes the whole step on its own copy. All
copies stay equal to the bit, since all add the same parts in the same order.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.job import (
    FROZEN,
    ORDER,
    PADDED_FAN_IN,
    PART_GRADIENTS,
    RATE,
    STEPS,
    integers,
    numbers,
    part,
)
from skreg._kernels.learn import learn
from skreg._kernels.matmul import PLUS, STORE
from skreg._kernels.network import bias_gradient, choose_skips, last_size, weight_gradient
from skreg._kernels.parts import NOTHING_TO_ADD, Batch, part_gradient, part_sums
from skreg._kernels.passes import (
    report_loss,
    report_penalties,
    rows_loss,
    rows_pass,
    rows_weight,
)
from skreg._kernels.solvers import plan_step
from skreg._kernels.team import Team, meet, share


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
        out = part_gradient(job, number, side)
        mode = np.int64(PLUS if side == NOTHING_TO_ADD and number > 0 else STORE)
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
