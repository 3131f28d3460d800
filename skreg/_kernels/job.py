"""The job: all that a team shares, as a table of addresses.

A kernel that took its sixty arrays as arguments would be compiled for minutes: Numba unpacks and
reference-counts each of them in every function on the way down. A `Job` is instead one address
(see `skreg._kernels.reference`); a function opens the vectors that it works on by their slots:
``numbers(job, WEIGHTS)``. Whoever builds a job keeps its arrays alive. The user's own rows are
reached by address too, so read-only arrays and memory maps need no code of their own, and nothing
writes to them.
"""

import ctypes
import itertools
from typing import NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from skreg._jit import inlined, jit
from skreg._kernels.arrays import array_at
from skreg._kernels.reference import Referenced, read_field
from skreg._kernels.simd import VECTOR_BYTES
from skreg._kernels.solvers import Rule

_slots, SLOT_DTYPES = itertools.count(), {}


def _slot(*dtypes):
    """Return the number of a new slot, the first of as many in a row as there are dtypes.

    They are of the compute dtype where `SLOT_DTYPES` has none.
    """
    found = {next(_slots): kind for kind in dtypes or (None,)}
    SLOT_DTYPES.update({slot: np.dtype(kind) for slot, kind in found.items() if kind})
    return min(found)


# Parameters and what the solver remembers, in the packed layout.
WEIGHTS = _slot()  # with biases
FIRST = _slot()  # first moments, or momentum
SECOND = _slot()  # second moments
GRADIENT = _slot()
TRANSPOSED = _slot()  # transposed weights, which backward reads
AVERAGE = _slot()  # of the parameters: what predicts
ANCHOR = _slot()  # what ``l2_anchor`` pulls to

# The rows to learn from and those to validate on.
TRAIN_SLOT, VALID_SLOT = (_slot(None, np.int32, np.int64, None, None) for _ in range(2))
X, X_COLUMNS, X_STARTS, Y, Y_WEIGHT = range(5)  # relative to one of these
ORDER = _slot(np.int64)  # numbers of the rows to learn from
VALID_ROWS = _slot(np.int64)  # numbers of the rows to validate on
OUTPUTS = _slot()  # predictions of these

# One batch.
MEMORY = _slot()  # values and deltas of all levels
TARGET = _slot()
SAMPLE_WEIGHT = _slot()
ROW_LOSSES = _slot(np.float64)
SPARSE = _slot()  # stored entries of sparse rows
COLUMNS = _slot(np.int32)  # of these entries
STARTS = _slot(np.int64)  # where rows begin among them
BY_COLUMN = _slot()  # the same entries, column by column
BATCH_ROWS = _slot(np.int32)  # their rows
COLUMN_ENDS = _slot(np.int64)  # where columns end among them
FACTORS = _slot()  # of what dropout keeps, per level

# Strengths per matrix, and lane sums of each penalty tile by tile.
L1 = _slot()
L2 = _slot()
SUMS = _slot()
SQUARES = _slot(np.float64)  # of the gradient, tile by tile

# Structure of the penalties, see `skreg._kernels.structure`.
GROUP_L1 = _slot()  # strengths per matrix, as are the next three
MAX_NORM = _slot()
L2_BY_FEATURE = _slot()  # l2 where features have factors
L2_ANCHOR = _slot()
ROW_FACTORS = _slot()  # per row of the first matrix
L1_ROWS = _slot()  # l1 times these factors
COLUMN_SQUARES = _slot()  # tile by tile
GROUP_SUMS = _slot(np.float64)  # values of the groups
GROUP_STARTS = _slot(np.int64)  # where groups begin
GROUP_ROWS = _slot(np.int64)  # the rows that they hold

# Augmentation, see `skreg._kernels.augment`.
BEFORE = _slot()  # a copy of the batch
TABLES = _slot()  # of the transforms
SCRATCH = _slot()  # for every thread
TRANSFORMS = _slot(np.float64)  # codes and parameters
SWAP_STARTS = _slot(np.int64)  # where groups of columns begin
SWAP_COLUMNS = _slot(np.int64)  # the columns that they hold

# What members with parameters of their own exchange, see `skreg._kernels.replicas`.
PART_GRADIENTS = _slot()
PART_SUMS = _slot(np.float64)  # losses and weights

# Zeros that products skip, see `skreg._kernels.zeros`.
NOTES = _slot(np.uint64)  # which values of a batch are not zero, row by row
DELTA_NOTES = _slot(np.uint64)  # which deltas
COLUMN_NOTES = _slot(np.uint64)  # which values, column by column
PARTIAL_SUMS = _slot()  # of products that are not complete

# Addresses of functions, after which they are named, see `skreg._kernels.plugs`.
AUGMENT_PLUG = _slot()  # or a program that knows fewer transforms
PERTURB_PLUG = _slot()
GATHER_SOFT_LABELS_PLUG = _slot()
SOFT_LOSS_ROWS_PLUG = _slot()
ADD_PENALTY_GRADIENTS_PLUG = _slot()
UPDATE_STRUCTURED_PLUG = _slot()
CLIP_PLUG = _slot()
FINISH_PLUG = _slot()
DROP_INPUTS_PLUG = _slot()
DROP_UNITS_PLUG = _slot()
GATHER_SPARSE_PLUG = _slot()
DROP_SPARSE_INPUTS_PLUG = _slot()
SPARSE_PRODUCT_PLUG = _slot()
SPARSE_GRADIENT_PLUG = _slot()
SKIP_PLUG = _slot()
CHOOSE_PLUG = _slot()
N_SLOTS = next(_slots)

# Rows of the layout table; level 0 is the input, matrix k leads from level k to level k + 1.
UNITS, ACTIVATION, THRESHOLD, LEAD, VALUES, DELTAS, SKIPS, NOTES_AT = range(8)  # per level
PANELS, PADDED_FAN_IN, WEIGHTS_AT, BIASES_AT, TRANSPOSED_AT, TILES_AT = range(8, 14)  # per matrix
FROZEN, COLUMN_NOTES_AT = range(14, 16)  # per matrix
N_FIELDS = 16
NEVER, NOT_NOW, NOW = -1, 0, 1  # whether the zeros of a level are skipped

# Numbers that change between epochs: what the loop tells the kernels and what they report.
# A draw of at least 0 numbers the dropout masks with which rows are evaluated.
RATE, STEPS, DRAW, LOSS_SUM, WEIGHT_SUM, PENALTY_SUMS = range(6)
N_TERMS = 4  # blocks of SUMS, and places in the report from PENALTY_SUMS on
L1_TERM, L2_TERM, GROUP_TERM, ANCHOR_TERM = range(N_TERMS)
N_REPORTS = PENALTY_SUMS + N_TERMS


class Source(NamedTuple):
    """Rows: CSR, or dense with these steps between rows and columns."""

    slot: int
    is_sparse: int
    row_step: int
    column_step: int
    n_targets: int
    is_weighted: int
    smoothing: float  # how much of every label is spread over all classes


class OutputRule(NamedTuple):
    """What is made of outputs: the loss, its parameter, the link."""

    loss: int  # SOFT_LOG_LOSS: labels become rows of probabilities as they are gathered
    parameter: float
    link: int  # applied to the outputs of validation rows; the identity leaves them raw


class _Fields(NamedTuple):
    table: np.ndarray  # int64, (N_SLOTS, 2): address and size
    kind: np.ndarray  # empty; carries the compute dtype
    layout: np.ndarray  # int64, (N_FIELDS, n_levels)
    report: np.ndarray  # float64
    output_rule: OutputRule
    rule: Rule
    train: Source
    valid: Source
    seed: int  # of all noise
    batch_size: int
    chunk_size: int  # rows at a time where no update follows
    n_parts: int  # of a batch, each with a gradient of its own; see `skreg._kernels.replicas`
    is_shared: int  # whether several threads update the same parameters, batch by batch
    lowest: int  # level down to which deltas are needed; 0 where the input is perturbed


class Job(Referenced, _Fields):
    """All that the members of a team share."""


def _opener(dtype, doc):
    """Return the function that opens a slot as a vector of ``dtype`` (None: the compute dtype)."""
    if numba.config.DISABLE_JIT:

        def open_slot(job, slot):
            address, size = (int(number) for number in job.table[slot])
            kind = np.dtype(dtype or job.kind.dtype)
            if size == 0:
                return np.empty(0, kind)
            memory = (ctypes.c_char * (size * kind.itemsize)).from_address(address)
            return np.frombuffer(memory, kind)

        open_slot.__doc__ = doc
        return open_slot

    @intrinsic
    def open_slot(typingctx, job, slot):
        kind = numba.from_dtype(np.dtype(dtype)) if dtype else job.fields["kind"].dtype
        vector = types.Array(kind, 1, "C")

        def codegen(context, builder, signature, args):
            table = read_field(context, builder, job, args[0], "table")
            table = context.make_array(job.fields["table"])(context, builder, table)
            at = builder.mul(args[1], ir.Constant(args[1].type, 2))
            size_at = builder.add(at, ir.Constant(at.type, 1))
            address = builder.load(builder.gep(table.data, [at]))
            size = builder.load(builder.gep(table.data, [size_at]))
            data = builder.inttoptr(address, context.get_value_type(kind).as_pointer())
            return array_at(context, builder, vector, data, [size])

        return vector(job, types.intp), codegen

    open_slot.__doc__ = doc
    return open_slot


numbers = _opener(None, "Open a slot of the compute dtype.")
doubles = _opener(np.float64, "Open a slot of float64.")
integers = _opener(np.int64, "Open a slot of int64.")
indices = _opener(np.int32, "Open a slot of int32.")
words = _opener(np.uint64, "Open a slot of words of 64 bits.")


@intrinsic
def part(typingctx, vector, start, size):
    """Return the ``size`` numbers of a vector that begin at ``start``, unchecked.

    A slice would first bring its bounds into the range of the vector: several milliseconds of
    compilation in every place.
    """

    def codegen(context, builder, signature, args):
        kind = signature.return_type
        data = context.make_array(kind)(context, builder, args[0]).data
        return array_at(context, builder, kind, builder.gep(data, [args[1]]), [args[2]])

    return vector(vector, types.intp, types.intp), codegen


if numba.config.DISABLE_JIT:

    def part(vector, start, size):
        """Return the ``size`` numbers of a vector that begin at ``start``."""
        return vector[start : start + size]


@jit
def lanes_of(job):
    """Return how many numbers of the job's dtype one vector holds."""
    return VECTOR_BYTES // job.kind.itemsize


@inlined
def packed_at(job, k, p, row):
    """Return where the vector of a row and a panel ``p`` of matrix k lies among the parameters."""
    layout = job.layout
    return layout[WEIGHTS_AT, k] + (p * layout[PADDED_FAN_IN, k] + row) * lanes_of(job)
