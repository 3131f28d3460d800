"""Records by reference: kernels read the fields that Python sees, also of tuples in tuples."""

import sys
import threading
from typing import NamedTuple

import numba
import numpy as np
import pytest

from skreg._jit import jit
from skreg._kernels.reference import Reference, Referenced
from tests.kernels.engines import needs_compiler


class Pair(NamedTuple):
    one: int
    other: float


class Inner(NamedTuple):
    count: int
    factor: float
    pair: Pair = Pair(7, np.inf)


class _Fields(NamedTuple):
    vector: np.ndarray
    inner: Inner
    table: np.ndarray
    last: int


class Record(Referenced, _Fields):
    """A record of all that a field can be."""


def make_record(**changes):
    fields = {
        "vector": np.arange(5, dtype=np.float32),
        "inner": Inner(-3, -0.0),
        "table": np.arange(6).reshape(2, 3),
        "last": 2**62 + 1,
    }
    return Record(**{**fields, **changes})


@jit
def _read(record, out):
    inner = record.inner
    out[0], out[1] = inner.count, np.copysign(1.0, inner.factor)
    out[2], out[3] = inner.pair.one, inner.pair.other
    out[4], out[5] = record.vector[4], record.vector.size
    out[6], out[7], out[8] = record.table[1, 0], record.table.shape[0], record.table.shape[1]
    return record.last


@jit
def _write(record, value):
    record.vector[1] = value
    record.table[1, 2] = value


@jit
def _call_with_inner(inner):
    return inner.count * inner.factor


@jit
def _pass_on(record):
    return _call_with_inner(record.inner)


def test_the_type_follows_from_the_fields_alone():
    types = {
        "first": numba.typeof(make_record()),
        "same": numba.typeof(make_record(last=1, inner=Inner(0, 0.5))),
        "dtype": numba.typeof(make_record(vector=np.arange(5))),
        "ndim": numba.typeof(make_record(vector=np.zeros((5, 1), np.float32))),
        "number": numba.typeof(make_record(last=1.0)),
    }
    assert types["first"] is types["same"]
    assert len(set(types.values())) == 4


def test_kernels_read_what_was_given():
    out = np.empty(9)
    last = _read(make_record(), out)
    np.testing.assert_array_equal(out, [-3, -1, 7, np.inf, 4, 5, 3, 2, 3])
    assert last == 2**62 + 1


def test_kernels_write_into_the_arrays_of_a_record():
    record = make_record()
    _write(record, 9)
    np.testing.assert_array_equal(record.vector, [0, 9, 2, 3, 4])
    np.testing.assert_array_equal(record.table, [[0, 1, 2], [3, 4, 9]])


def test_a_tuple_of_a_record_is_an_ordinary_argument():
    assert _pass_on(make_record(inner=Inner(4, 0.5))) == 2.0


def test_a_changed_copy_is_another_record():
    record = make_record()
    other = record._replace(inner=Inner(1, 1.0))
    assert record.address != other.address
    assert (_pass_on(other), _pass_on(record._replace(inner=Inner(2, 1.0)))) == (1.0, 2.0)


@pytest.fixture
def hasty_threads():
    """Threads take turns after a microsecond, where they usually have five thousand."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("hasty_threads")
def test_threads_that_ask_at_once_get_one_address():
    def ask(record, barrier, found):
        barrier.wait()
        found.append(record.address)

    for _ in range(200):
        record, barrier, found = make_record(), threading.Barrier(4), []
        threads = [threading.Thread(target=ask, args=(record, barrier, found)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [record.address] * 4


@needs_compiler
def test_numbers_of_all_kinds_are_of_one_type():
    plain = numba.typeof(make_record())
    assert isinstance(plain, Reference)
    odd = make_record(inner=Inner(np.int8(4), np.float32(0.5)), last=True)
    assert numba.typeof(odd) == plain
    assert _pass_on(odd) == 2.0
    assert numba.typeof(make_record(vector=np.zeros(5))) != plain


@needs_compiler
def test_arrays_in_another_order_are_refused():
    with pytest.raises(ValueError, match="Kernels read C-contiguous arrays"):
        _pass_on(make_record(table=np.zeros((3, 2), dtype=np.int64).T))


@needs_compiler
def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(OverflowError):
        _pass_on(make_record(last=2**63))
