"""The job: slots open as vectors over the memory that was entered; parts of vectors are views."""

import re
from pathlib import Path

import numpy as np
import pytest

from skreg._jit import jit
from skreg._kernels import job as job_module
from skreg._kernels.job import (
    COLUMNS,
    N_FIELDS,
    N_SLOTS,
    ORDER,
    ROW_LOSSES,
    TRAIN_SLOT,
    VALID_SLOT,
    WEIGHTS,
    doubles,
    indices,
    integers,
    lanes_of,
    numbers,
    part,
)
from skreg._kernels.simd import lanes
from tests.kernels.engines import features, make_engine, targets


@pytest.fixture(params=(np.float32, np.float64))
def engine(request):
    rows = features(10, 4), targets(0, 10, 2)
    with make_engine((4, 3, 2), *rows, dtype=request.param) as engine:
        yield engine


@jit
def _write_numbers(job, slot):
    open_slot = numbers(job, slot)
    for i in range(open_slot.size):
        open_slot[i] = i + 0.5


@jit
def _write_others(job):
    doubles(job, ROW_LOSSES)[1] = 0.1
    integers(job, ORDER)[1] = 2**40
    return indices(job, COLUMNS).size, numbers(job, WEIGHTS).size


@jit
def _fill_part(vector, start, size, value):
    few = part(vector, start, size)
    for i in range(few.size):
        few[i] = value


def test_a_slot_opens_the_memory_of_its_array(engine):
    _write_numbers(engine.job, WEIGHTS)
    weights = engine.table.arrays[WEIGHTS]
    np.testing.assert_array_equal(weights, np.arange(weights.size) + 0.5)
    sizes = _write_others(engine.job)
    assert sizes == (0, weights.size)
    assert engine.table.arrays[ROW_LOSSES][1] == 0.1
    assert engine.order[1] == 2**40


def test_a_part_is_a_view(engine):
    vector = np.zeros(10, engine.dtype)
    _fill_part(vector, 3, 4, 7)
    np.testing.assert_array_equal(vector, [0, 0, 0, 7, 7, 7, 7, 0, 0, 0])
    _fill_part(vector, 5, 0, 9)
    assert vector.max() == 7


def test_lanes_are_those_of_the_dtype(engine):
    assert lanes_of(engine.job) == lanes(engine.dtype)


def test_slots_and_fields_do_not_overlap():
    sources = {"X", "X_COLUMNS", "X_STARTS", "Y", "Y_WEIGHT"}
    numbers_of = {n: v for n, v in vars(job_module).items() if n.isupper() and isinstance(v, int)}
    relative = [numbers_of[name] for name in sources]
    first, last = numbers_of["WEIGHTS"], N_SLOTS
    fields = slots_defined_before("UNITS")
    taken = [numbers_of[name] for name in fields - sources - {"TRAIN_SLOT", "VALID_SLOT"}]
    taken += [start + i for start in (TRAIN_SLOT, VALID_SLOT) for i in relative]
    assert sorted(taken) == list(range(first, last))
    assert N_FIELDS == 1 + max(numbers_of[name] for name in ("NOTES_AT", "COLUMN_NOTES_AT"))


def slots_defined_before(name):
    """Return the names of the numbers that are defined before ``name``, except for totals."""
    source = Path(job_module.__file__).read_text()
    defined = re.findall(r"^([A-Z0-9_, ]+) = ", source[: source.index(f"\n{name}, ")], re.MULTILINE)
    return {one.strip() for names in defined for one in names.split(",")} - {"N_SLOTS"}
