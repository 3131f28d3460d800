"""An epoch of training, and `run`: what every member of a team executes.

In a mini-batch a member takes its block of rows, meets the others, takes its block of weight rows
of every matrix, and meets them again. The parameters of a small network are not shared in this
way: see `skreg._kernels.replicas`.
"""

import numpy as np

from skreg._jit import jit
from skreg._kernels.job import ORDER, RATE, STEPS, integers, part
from skreg._kernels.learn import learn
from skreg._kernels.network import choose_skips, last_size
from skreg._kernels.parts import NOTHING_TO_ADD, Batch
from skreg._kernels.passes import (
    batch_rows,
    evaluate,
    full_gradient,
    report_loss,
    report_penalties,
    rows_loss,
    rows_pass,
    rows_weight,
    transpose_all,
)
from skreg._kernels.replicas import full_gradient_of_parts, train_replicas
from skreg._kernels.solvers import plan_step
from skreg._kernels.subnormals import flush_subnormals, write_register
from skreg._kernels.team import COMMAND, meet, share
from skreg._kernels.tiles import TILE_ROWS

DO_TRAIN, DO_GRADIENT, DO_EVALUATE, DO_TRANSPOSE = range(4)  # commands


@jit
def run(tid, team, job, own):
    """Carry out one command as the caller (``tid`` 0), or all of them as any other member.

    Returns False where the team was aborted, which is how it ends, and True otherwise.
    ``own`` is the job with the member's own copy of the parameters, if members have their own.
    """
    while True:
        if not meet(team):
            return False
        command = team.flags[COMMAND]
        if command == DO_EVALUATE:
            evaluate(tid, team, job)
        elif command == DO_TRANSPOSE:
            transpose_all(tid, team, job)
        else:  # training, where subnormal numbers do not matter
            before = flush_subnormals()
            if command == DO_GRADIENT and job.n_parts > 1:
                full_gradient_of_parts(tid, team, job, own)
            elif command == DO_GRADIENT:
                full_gradient(tid, team, job)
            elif job.n_parts > 1:
                train_replicas(tid, team, own)
            else:
                train_epoch(tid, team, job)
            write_register(before)
        if not meet(team):
            return False
        if tid == 0:
            return True


@jit
def train_epoch(tid, team, job):
    """Run through all rows in mini-batches, updating the weights after each."""
    order, rate = integers(job, ORDER), job.report[RATE]
    t = np.int64(job.report[STEPS])
    for start in range(0, order.size, job.batch_size):
        index = part(order, start, min(job.batch_size, order.size - start))
        rows = share(tid, team.n_threads, index.size, TILE_ROWS)
        rows_pass(tid, team, job, index, t + 1, rows)
        if not meet(team):
            return
        n_rows = batch_rows(job, index.size, t + 1)
        total = rows_weight(job, job.train, 0, n_rows)
        if total > 0:
            t += 1
            step = plan_step(job.rule, rate, t, 1.0 / total)
            if not learn(tid, team, job, Batch(n_rows, NOTHING_TO_ADD), step):
                return
        if tid == 0:
            report_loss(job, rows_loss(job, 0, n_rows), total)
        if not meet(team):
            return
        if tid == 0 and total > 0:
            report_penalties(job, total)
    if tid == 0:
        job.report[STEPS] = t
        choose_skips(job, last_size(job))
