"""Room for the length of a call: it holds numbers, and nothing of it is left."""

import numpy as np
import pytest
from numba.core.caching import NullCache
from numba.core.errors import UnsupportedError
from numba.core.runtime import _nrt_python, rtsys
from sklearn.exceptions import ConvergenceWarning

import skreg
from skreg._jit import jit
from skreg._kernels.scratch import STACK_SIZE, free_array, heap_array, stack_array
from tests.kernels.engines import needs_compiler


@pytest.fixture
def n_rooms():
    """Return a function that tells how often memory was taken so far, and how often given back."""
    was_counting = _nrt_python.memsys_stats_enabled()
    _nrt_python.memsys_enable_stats()
    yield lambda: np.array(rtsys.get_allocation_stats()[:2])
    if not was_counting:
        _nrt_python.memsys_disable_stats()


@jit
def _reverse(numbers, out):
    heap, stack = heap_array(numbers, numbers.size), stack_array(numbers)
    for i in range(numbers.size):
        heap[i] = numbers[i]
    for i in range(STACK_SIZE):
        stack[i] = heap[i]
    for i in range(numbers.size):
        out[i] = heap[numbers.size - 1 - i] if i >= STACK_SIZE else stack[i]
    free_array(heap)


@pytest.mark.parametrize("dtype", (np.float32, np.float64, np.int64, np.uint64))
def test_rooms_hold_numbers_of_the_type_asked_for(dtype):
    numbers = np.arange(1, 1001).astype(dtype)
    out = np.zeros_like(numbers)
    _reverse(numbers, out)
    np.testing.assert_array_equal(out, [*numbers[:STACK_SIZE], *numbers[-STACK_SIZE - 1 :: -1]])


@needs_compiler
def test_heap_room_is_given_back(n_rooms):
    before = n_rooms()
    _reverse(np.arange(1000.0), np.zeros(1000))
    np.testing.assert_array_equal(n_rooms() - before, [1, 1])


@needs_compiler
@pytest.mark.parametrize("labels", ("class", "two", "many", "soft"))
def test_fits_and_predictions_give_back_all_their_room(n_rooms, labels):
    X = np.random.default_rng(0).normal(size=(200, 7))
    targets = X[:, :5] > 0 if labels == "many" else np.arange(200) % (2 if labels == "two" else 5)
    smoothing = 0.1 if labels == "soft" else 0.0
    model = skreg.MLPClassifier(5, max_iter=2, random_state=0, label_smoothing=smoothing, tol=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, targets)
        before = n_rooms()
        model.fit(X, targets)
    for n_rows in (1, 3, 200):
        model.predict_proba(X[:n_rows])
    taken, given = n_rooms() - before
    assert taken == given > 0


@needs_compiler
def test_a_kernel_that_makes_an_array_is_told_to_take_room():
    @jit
    def make(n):
        return np.zeros(n)[0]

    with pytest.raises(UnsupportedError, match="take heap_array of skreg._kernels.scratch"):
        make(3)


@needs_compiler
def test_references_to_arrays_are_not_counted():
    @jit
    def first(pair):
        return pair[0][0] + pair[1][0]

    first._cache = NullCache()  # the code of a program that was kept on disk is not known
    assert first((np.ones(3), np.ones(3))) == 2
    code = next(iter(first.inspect_llvm().values()))
    assert "NRT_incref" not in code and "NRT_decref" not in code
