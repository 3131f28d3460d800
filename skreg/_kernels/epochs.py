"""Epochs in a row, without the interpreter between them.

Between two epochs of a small network the interpreter would take a tenth of the time. Where nobody
has to be asked, epochs follow one another here: rows are shuffled, the team trains, and what it
reports is noted in the row of the epoch.
"""

from typing import NamedTuple

import numpy as np

from skreg._jit import jit
from skreg._kernels.epoch import DO_TRAIN
from skreg._kernels.job import LOSS_SUM, ORDER, RATE, WEIGHTS, integers, numbers
from skreg._kernels.lanes import count, load, load_first, total, where, widened
from skreg._kernels.plugs import call
from skreg._kernels.shuffle import shuffle
from skreg._kernels.team import COMMAND

COUNTED_AT_A_TIME = 2**20  # weights, whole vectors: lanes of float32 count no further than 2**24


class Records(NamedTuple):
    """What is noted of each epoch."""

    rates: np.ndarray  # learning rates, given
    reports: np.ndarray  # (n_epochs, job.N_REPORTS)
    nonzeros: np.ndarray  # (n_epochs, n_matrices)
    n_done: np.ndarray  # one number: complete epochs


@jit
def train_epochs(team, job, run, draws, bounds, records):
    """Train for as many epochs as there are rates, or up to one whose loss is not finite.

    Parameters
    ----------
    team : Team
    job : Job
    run : int
        Address of `skreg._kernels.epoch.run`.
    draws : Draws
        Shuffle the rows before each epoch; without a source they keep their order.
    bounds : array of int64
        Where the packed matrices begin, and where the last one ends.
    records : Records
    """
    report = job.report
    for epoch in range(records.rates.size):
        if draws.function != 0:
            shuffle(integers(job, ORDER), draws)
        for i in range(LOSS_SUM, report.size):
            report[i] = 0
        report[RATE] = records.rates[epoch]
        team.flags[COMMAND] = DO_TRAIN
        if not call(run, (np.int64(0), team, job, job)):
            return
        for i in range(report.size):
            records.reports[epoch, i] = report[i]
        for k in range(bounds.size - 1):
            weights = numbers(job, WEIGHTS)
            records.nonzeros[epoch, k] = count_nonzero(weights, bounds[k], bounds[k + 1])
        records.n_done[0] = epoch + 1
        if not np.isfinite(report[LOSS_SUM]):
            return


@jit
def count_nonzero(weights, start, stop):
    """Return how many weights from ``start`` to ``stop``, whole vectors, are not zero."""
    zero, n_nonzero = load_first(weights, 0, 0, 0.0), 0
    one = zero + 1.0
    for first in range(start, stop, COUNTED_AT_A_TIME):
        alive = zero
        for at in range(first, min(first + COUNTED_AT_A_TIME, stop), count(weights)):
            alive = alive + where(load(weights, at) == 0.0, zero, one)
        n_nonzero += np.int64(total(widened(alive)))
    return n_nonzero
