"""The operations of rows: sparse ones by their entries, of outputs, batches and epochs."""

import numpy as np
import scipy.sparse as sp

from skreg._costs import FLOPS_OF_UPDATE, flops_of_batch, flops_of_outputs, work_per_row
from tests.kernels.engines import make_engine


def test_the_work_of_sparse_rows_follows_their_entries():
    rows = np.zeros((4, 10))
    rows[0], rows[1, :2] = 1, 1
    assert work_per_row(rows, (10, 4, 2)) == 54
    assert work_per_row(sp.csr_array(rows), (10, 4, 2)) == 14 + 2 * 3 * 4


def test_operations_of_outputs_of_a_batch_and_of_an_epoch():
    rows = np.zeros((30, 4))
    rows[:, 0] = 1.0
    assert flops_of_outputs(rows, (4, 2), 10) == 2 * 10 * 10
    assert flops_of_batch(rows, (4, 2), 10) == 6 * 10 * 10
    updates = FLOPS_OF_UPDATE * 10
    entries = sp.csr_array(rows)
    assert flops_of_outputs(entries, (4, 2), 10) == 2 * 10 * (2 + 2 * 2)
    assert flops_of_batch(entries, (4, 2), 10, 3) == 6 * 10 * (2 + 2 * 2) + 3 * updates
    for X, of_batch in ((rows, 6 * 7 * 10), (entries, 6 * 7 * 6 + updates)):
        with make_engine((4, 2), X, np.zeros((30, 2)), batch_size=7) as engine:
            assert engine.flops_of_epoch == 5 * of_batch
