"""Stored entries of sparse rows: the work they are, their order, the room of a batch."""

from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp

from skreg._entries import (
    FLOPS_OF_UPDATE,
    canonical,
    flops_of_batch,
    most_entries,
    work_per_row,
)
from tests.kernels.engines import make_engine


def test_the_work_of_sparse_rows_follows_their_entries():
    rows = np.zeros((4, 10))
    rows[0], rows[1, :2] = 1, 1
    assert work_per_row(rows, (10, 4, 2)) == 54
    assert work_per_row(sp.csr_array(rows), (10, 4, 2)) == 14 + 2 * 3 * 4


@pytest.mark.parametrize("container", [sp.csr_array, sp.csr_matrix])
def test_entries_are_put_in_order_once_and_not_in_the_users_rows(container):
    rows = container(([1.0, 2.0, 4.0, 8.0], [2, 0, 2, 1], [0, 3, 4]), shape=(2, 3))
    found = canonical(rows)
    np.testing.assert_array_equal(found.toarray(), [[2, 0, 5], [0, 8, 0]])
    np.testing.assert_array_equal(found.indices, [0, 2, 1])
    np.testing.assert_array_equal(found.indptr, [0, 2, 3])
    np.testing.assert_array_equal(rows.data, [1, 2, 4, 8])  # as they were
    assert canonical(found) is found


@pytest.mark.parametrize("n_rows", [1, 3, 4, 9, 10, 50])
def test_the_fullest_batch_has_room(n_rows):
    rng = np.random.default_rng(0)
    counts = np.append(rng.integers(0, 3, 9), 7)  # the fullest row comes last
    X = sp.csr_array((np.ones(counts.sum()), np.concatenate([np.arange(n) for n in counts]),
                      np.append(0, np.cumsum(counts))), shape=(10, 8))  # fmt: skip
    index = rng.permutation(10)[:9]
    index[0] = 9
    expected = max(sum(counts[list(batch)]) for batch in combinations(index, min(n_rows, 9)))
    assert most_entries(X, index, n_rows) == expected
    assert most_entries(X.toarray(), index, n_rows) == 0


def test_operations_of_a_batch_and_of_an_epoch():
    rows = np.zeros((30, 4))
    rows[:, 0] = 1.0
    assert flops_of_batch(rows, (4, 2), 10) == 6 * 10 * 10
    updates = FLOPS_OF_UPDATE * 10
    entries = sp.csr_array(rows)
    assert flops_of_batch(entries, (4, 2), 10, 3) == 6 * 10 * (2 + 2 * 2) + 3 * updates
    for X, of_batch in ((rows, 6 * 7 * 10), (entries, 6 * 7 * 6 + updates)):
        with make_engine((4, 2), X, np.zeros((30, 2)), batch_size=7) as engine:
            assert engine.flops_of_epoch == 5 * of_batch
