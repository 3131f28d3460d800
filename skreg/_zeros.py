"""Whether a fit skips the zeros of its rows and of ReLU, and when the program for it is compiled.

Skipping changes no bit of a result (see `skreg._kernels.zeros`), so it may begin at any time. Its
program takes more than a second to compile, once per machine and dtype, which a small fit would
not earn back. So it is used at once where it is at hand, in this process or in the disk cache;
otherwise it is compiled as soon as this process has trained long enough with zeros to skip.
"""

from itertools import product

import numpy as np
import scipy.sparse as sp

from skreg._architecture import round_up
from skreg._kernels import job as slots
from skreg._kernels.activations import RELU
from skreg._kernels.job import NOW
from skreg._kernels.matmul import Multiplication
from skreg._kernels.plugs import address_of
from skreg._kernels.simd import lanes
from skreg._kernels.skipping import FEWEST_PANELS, MOST_PANELS, WORD
from skreg._kernels.tiles import Numbers, Panels
from skreg._kernels.zeros import MOST_DENSITY, choose, skip

PAYS_AFTER = 1e11  # multiply-adds of this process: a few seconds of training
SAMPLE = 16  # rows that tell whether the input has zeros

_trained = {}  # multiply-adds so far with zeros that were not skipped, by dtype


class Zeros:
    """The zeros that an engine may skip.

    Parameters
    ----------
    task : Task
    job : Job
    table : Table
        It gets room for notes on where zeros are, and the program that uses them.
    sizes : Sizes
    """

    def __init__(self, task, job, table, sizes):
        self._job, self._tables = job, [table]
        self._levels = _levels_with_zeros(task, job)
        self.wait = bool(self._levels.any())  # for the program to be worth its compilation
        if self.wait:
            self._n_products = 3.0 * sizes.parameters * table.arrays[slots.ORDER].size
            goes_back = task.for_training and bool(self._levels[1:].any())
            _make_room(table, sizes, task.for_training, goes_back, job.n_parts > 1)
            self._start(compiles=False)

    def share(self, tables):
        """Let other members of the team, who have tables of their own, skip as well."""
        self._tables += tables

    def begin_epochs(self, n):
        """Take note of ``n`` epochs whose zeros are not skipped, or begin to skip if that pays."""
        if not self.wait:
            return
        kind = self._job.kind.dtype
        _trained[kind] = _trained.get(kind, 0.0) + n * self._n_products
        if _trained[kind] > PAYS_AFTER:
            self._start(compiles=True)

    def _start(self, compiles):
        n, job, weights = 1, self._job, self._tables[0].arrays[slots.WEIGHTS]
        left, right = Numbers(weights, n, n, n), Panels(weights, n, n, n)
        task = Multiplication(left, right, right, n, n, n, n, weights)
        addresses = {
            slots.SKIP_PLUG: address_of(skip, job, n, n, (n, n), task, compiles=compiles),
            slots.CHOOSE_PLUG: address_of(choose, job, n, compiles=compiles),
        }
        if all(addresses.values()):
            for table, (slot, address) in product(self._tables, addresses.items()):
                table.addresses[slot, 0] = address
            job.layout[slots.SKIPS, self._levels] = NOW
            self.wait = False


def _levels_with_zeros(task, job):
    """Return which levels have zeros that a product of some width can skip."""
    layout, lowest = job.layout, job.lowest
    is_wide = layout[slots.UNITS] > (FEWEST_PANELS - 1) * lanes(task.dtype)
    can_skip = np.append(is_wide[1:], False)  # forward, to the level above
    can_skip[lowest + 1 : -1] |= is_wide[lowest:-2]  # backward, to the level below
    has_zeros = layout[slots.ACTIVATION] == RELU
    has_zeros[0] = can_skip[0] and _input_density(task) <= MOST_DENSITY
    return can_skip & has_zeros


def _input_density(task):
    """Return the share of numbers that are not zero in a few rows, after input dropout."""
    rows, index = task.train, task.train_index
    if not task.for_training:
        rows, index = task.valid, task.valid_index
    if sp.issparse(rows.X) or rows.X.size == 0:
        return 1.0
    n_rows = rows.X.shape[0] if index is None else len(index)
    places = np.arange(0, n_rows, -(-n_rows // SAMPLE))
    few = rows.X[places if index is None else index[places]]
    return np.count_nonzero(few) / few.size * (1.0 - task.network.dropout[0])


def _make_room(table, sizes, trains, goes_back, has_parts):
    """Make room for notes, and for sums that wait where products go back or parts are added."""
    table.new(slots.NOTES, sizes.notes)
    table.new(slots.DELTA_NOTES, sizes.notes if goes_back else 0)
    table.new(slots.COLUMN_NOTES, sizes.column_notes if trains else 0)
    n_sums = round_up(sizes.rows, WORD) * MOST_PANELS * lanes(table.dtype)
    table.new(slots.PARTIAL_SUMS, n_sums if goes_back or has_parts else 0)
