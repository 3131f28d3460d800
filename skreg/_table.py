"""The table of a job: arrays by their slots, and which of them every member has for itself."""

import numpy as np
import scipy.sparse as sp

from skreg._architecture import aligned_zeros
from skreg._entries import canonical
from skreg._kernels import job as slots
from skreg._kernels.job import Source
from skreg._kernels.plugs import address_of

# What an epoch reads of the one before, and what else it writes: members with parameters of their
# own have arrays of their own for both.
STATE_SLOTS = slots.WEIGHTS, slots.FIRST, slots.SECOND, slots.TRANSPOSED, slots.AVERAGE
WRITTEN_SLOTS = (
    *STATE_SLOTS, slots.GRADIENT, slots.MEMORY, slots.TARGET, slots.SAMPLE_WEIGHT, slots.SPARSE,
    slots.COLUMNS, slots.STARTS, slots.BY_COLUMN, slots.BATCH_ROWS, slots.COLUMN_ENDS,
    slots.ROW_LOSSES, slots.SUMS, slots.SQUARES, slots.GROUP_SUMS, slots.COLUMN_SQUARES,
    slots.NOTES, slots.DELTA_NOTES, slots.COLUMN_NOTES, slots.PARTIAL_SUMS,
)  # fmt: skip


class Table:
    """The table of addresses of a `Job`, with the arrays behind it, which it keeps alive."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.addresses = np.zeros((slots.N_SLOTS, 2), dtype=np.int64)
        self.arrays = {}

    def dtype_of(self, slot):
        """Return the dtype in which kernels open a slot."""
        return slots.SLOT_DTYPES.get(slot, self.dtype)

    def put(self, slot, array):
        """Enter a vector, which kernels read and write by its address."""
        if array.dtype != self.dtype_of(slot) or not array.flags.c_contiguous:
            raise TypeError(f"slot {slot} is of {self.dtype_of(slot)}, not of {array.dtype}")
        self.arrays[slot] = array
        self.addresses[slot] = array.ctypes.data if array.size else 0, array.size

    def new(self, slot, size):
        """Enter a vector of zeros."""
        dtype = self.dtype_of(slot)
        self.put(slot, aligned_zeros(size, dtype) if size else np.empty(0, dtype))

    def replica(self):
        """Return a table for another member: what is written in training is its own."""
        copy = Table(self.dtype)
        copy.arrays, copy.addresses = dict(self.arrays), self.addresses.copy()
        for slot in WRITTEN_SLOTS:
            if slot in self.arrays:
                copy.new(slot, self.arrays[slot].size)
        return copy

    def refresh(self, original):
        """Take the parameters of the original, and what its solver remembers of them."""
        for slot in STATE_SLOTS:
            if slot in self.arrays:
                self.arrays[slot][:] = original.arrays[slot]

    def swap(self, one, other):
        """Exchange what stands in two slots."""
        arrays = self.arrays
        arrays[one], arrays[other] = arrays[other], arrays[one]
        self.addresses[[one, other]] = self.addresses[[other, one]]

    def put_vector(self, slot, numbers):
        """Enter numbers of any shape and type; what fits is not copied."""
        vector = np.ascontiguousarray(numbers, dtype=self.dtype_of(slot)).reshape(-1)
        self.put(slot, vector)

    def put_groups(self, starts, members, groups):
        """Enter groups of numbers: where each begins, and its members."""
        sizes = [len(group) for group in groups]
        self.put_vector(starts, np.concatenate([[0], np.cumsum(sizes)]))
        self.put_vector(members, np.concatenate(groups))

    def plug(self, slot, function, *examples):
        """Enter the address of a function that takes arguments like the examples."""
        self.addresses[slot, 0] = address_of(function, *examples)

    def new_source(self, slot, rows):
        """Enter rows; arrays of the right dtype and contiguous in either order are not copied."""
        X, target, weight = rows
        n_targets = 0 if target is None else target.shape[1]
        self.put_vector(slot + slots.Y, [] if target is None else target)
        self.put_vector(slot + slots.Y_WEIGHT, [] if weight is None else weight)
        is_sparse = sp.issparse(X)
        steps = self._sparse(slot, X) if is_sparse else self._dense(slot, X)
        return Source(slot, int(is_sparse), *steps, n_targets, int(weight is not None), 0.0)

    def _dense(self, slot, X):
        by_columns = X.flags.f_contiguous and not X.flags.c_contiguous
        self.put_vector(slot + slots.X, X.T if by_columns else X)
        return (1, X.shape[0]) if by_columns else (X.shape[1], 1)

    def _sparse(self, slot, X):
        X = canonical(X)
        self.put_vector(slot + slots.X, X.data)
        self.put_vector(slot + slots.X_COLUMNS, X.indices)
        self.put_vector(slot + slots.X_STARTS, X.indptr)
        return 0, 0
