"""The table of a job: what slots take, groups, rows as they are, tables of other members."""

import numpy as np
import pytest
import scipy.sparse as sp

from skreg._kernels.job import (
    COLUMNS,
    GROUP_ROWS,
    GROUP_STARTS,
    L1,
    MEMORY,
    ORDER,
    ROW_LOSSES,
    TRAIN_SLOT,
    WEIGHTS,
    X_COLUMNS,
    X_STARTS,
    Y_WEIGHT,
    X,
    Y,
)
from skreg._kernels.simd import CACHE_LINE
from skreg._table import Table
from skreg._task import Rows


@pytest.fixture(params=(np.float32, np.float64))
def table(request):
    return Table(np.dtype(request.param))


WRONG_TYPES = (
    (ORDER, np.int32),
    (ROW_LOSSES, np.float32),
    (COLUMNS, np.int64),
    (TRAIN_SLOT + Y, np.int64),
)


@pytest.mark.parametrize("slot, dtype", WRONG_TYPES)
def test_a_slot_refuses_numbers_of_another_type(table, slot, dtype):
    with pytest.raises(TypeError, match=f"slot {slot} is of .*, not of {np.dtype(dtype)}"):
        table.put(slot, np.zeros(3, dtype))
    with pytest.raises(TypeError, match=f"slot {slot} "):
        table.put(slot, np.zeros(6, table.dtype_of(slot))[::2])
    assert not table.arrays


def test_numbers_are_turned_into_the_type_of_their_slot(table):
    for slot in (WEIGHTS, ORDER, ROW_LOSSES, COLUMNS):
        table.put_vector(slot, np.arange(6, dtype=np.int16).reshape(2, 3))
        assert table.arrays[slot].dtype == table.dtype_of(slot)
        np.testing.assert_array_equal(table.arrays[slot], np.arange(6))


def test_addresses_are_those_of_the_arrays(table):
    table.new(WEIGHTS, 5)
    assert not table.arrays[WEIGHTS].any()
    assert table.arrays[WEIGHTS].ctypes.data % CACHE_LINE == 0
    assert table.addresses[WEIGHTS].tolist() == [table.arrays[WEIGHTS].ctypes.data, 5]
    table.new(WEIGHTS, 0)
    assert table.addresses[WEIGHTS].tolist() == [0, 0]


def test_groups_are_their_members_and_where_each_begins(table):
    table.put_groups(GROUP_STARTS, GROUP_ROWS, (np.array([3]), np.array([0, 2])))
    assert table.arrays[GROUP_STARTS].tolist() == [0, 1, 3]
    assert table.arrays[GROUP_ROWS].tolist() == [3, 0, 2]


@pytest.mark.parametrize("order, steps", [("C", (3, 1)), ("F", (1, 4))])
def test_dense_rows_are_read_where_they_are(table, order, steps):
    rows = np.asarray(np.arange(12).reshape(4, 3), table.dtype, order)
    source = table.new_source(TRAIN_SLOT, Rows(rows, weight=np.ones(4, table.dtype)))
    assert np.shares_memory(table.arrays[TRAIN_SLOT + X], rows)
    assert (source.is_sparse, source.n_targets, source.is_weighted) == (0, 0, 1)
    assert (source.row_step, source.column_step) == steps
    assert table.arrays[TRAIN_SLOT + Y].size == 0
    assert table.arrays[TRAIN_SLOT + Y_WEIGHT].size == 4


def test_sparse_rows_are_their_entries(table):
    rows = sp.csr_array(np.array([[0.0, 2.0], [3.0, 0.0]], table.dtype))
    source = table.new_source(TRAIN_SLOT, Rows(rows, np.ones((2, 2))))
    assert (source.is_sparse, source.n_targets, source.is_weighted) == (1, 2, 0)
    found = [table.arrays[TRAIN_SLOT + part].tolist() for part in (X, X_COLUMNS, X_STARTS)]
    assert found == [[2, 3], [1, 0], [0, 1, 2]]


def test_a_replica_has_its_own_of_what_is_written_and_shares_the_rest(table):
    for slot in (WEIGHTS, MEMORY, L1):
        table.put_vector(slot, [1.0, 2.0])
    replica = table.replica()
    assert replica.arrays[L1] is table.arrays[L1]
    assert (replica.addresses[L1] == table.addresses[L1]).all()
    for slot in (WEIGHTS, MEMORY):
        assert replica.arrays[slot].tolist() == [0, 0]
        assert replica.addresses[slot, 0] != table.addresses[slot, 0]
    replica.refresh(table)
    assert replica.arrays[WEIGHTS].tolist() == [1, 2]
    assert replica.arrays[MEMORY].tolist() == [0, 0]  # of one batch: nothing to take over


def test_slots_are_exchanged_with_their_addresses(table):
    table.put_vector(WEIGHTS, [1.0])
    table.put_vector(L1, [2.0, 3.0])
    before = table.addresses[[WEIGHTS, L1]]
    table.swap(WEIGHTS, L1)
    np.testing.assert_array_equal(table.addresses[[L1, WEIGHTS]], before)
    assert [table.arrays[slot].tolist() for slot in (WEIGHTS, L1)] == [[2, 3], [1]]
