"""Stored entries of sparse rows: their order, the room of a batch."""

from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp

from skreg._entries import canonical, most_entries


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
