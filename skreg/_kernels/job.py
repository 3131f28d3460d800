"""The job: all that a team shares, as a table of addresses.

A kernel that took its sixty arrays as arguments would be compiled for minutes: Numba unpacks and
reference-counts each of them in every function on the way down. A `Job` is instead one small
tuple; a function opens the vectors that it works on by their slots: ``numbers(job, WEIGHTS)``.
Whoever builds a job keeps its arrays alive. The user's own rows are reached by address too, so
read-only arrays and memory maps need no code of their own, and nothing writes to them.
"""

import ctypes
from typing import NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from skreg._jit import jit
from skreg._kernels.reference import Referenced, read_field
from skreg._kernels.simd import VECTOR_BYTES
from skreg._kernels.solvers import Rule

# Slots of the compute dtype: parameters and what the solver remembers, in the packed layout.
WEIGHTS, FIRST, SECOND, GRADIENT, TURNED = range(5)
# One batch: values and deltas of all levels; targets and weights; entries of sparse rows.
MEMORY, TARGET, SAMPLE_WEIGHT, SPARSE = range(5, 9)
# Lane sums per tile of each penalty; of float64, squared gradients by tiles; strengths per matrix;
# dropout factors per level; predictions of the validation rows.
SUMS, SQUARES, L1, L2, FACTORS, OUTPUTS = range(9, 15)
# Of float64, int64 and int32: losses of a batch's rows; row numbers; CSR structure of a batch.
ROW_LOSSES, ORDER, VALID_ROWS, STARTS, COLUMNS = range(15, 20)
# The rows to learn from and those to validate on: slots relative to `Source.slot`.
X, X_COLUMNS, X_STARTS, Y, Y_WEIGHT = range(5)
TRAIN_SLOT, VALID_SLOT = 20, 25
# Structure of the penalties, see `skreg._kernels.structure`: strengths per matrix; factors per
# row of the first matrix; packed averages and anchors of the parameters; squares of columns tile
# by tile; l1 per row of the first matrix. Of float64 and int64: values of the groups; where
# groups begin, and their rows.
GROUP_L1, MAX_NORM, PULL, ANCHOR_PULL, ROW_FACTORS, AVERAGE, ANCHOR, COLUMN_SQUARES = range(30, 38)
L1_ROWS = 38
GROUP_SUMS, GROUP_STARTS, GROUP_ROWS = range(39, 42)
# Augmentation, see `skreg._kernels.augment`: a copy of the batch; tables of the transforms; room
# for every thread. Of float64 and int64: parameters; where groups begin, and their columns.
BEFORE, TABLES, ROOM, TRANSFORMS, SWAP_STARTS, SWAP_COLUMNS = range(42, 48)
# Addresses of functions, see `skreg._kernels.plugs`.
AUGMENT_PLUG, PERTURB_PLUG, LOSS_PLUG, PULL_PLUG, UPDATE_PLUG, SETTLE_PLUG = range(48, 54)
# What members with parameters of their own exchange, see `skreg._kernels.replicas`: gradients of
# the parts of a batch; of float64, their losses and weights.
PART_GRADIENTS, PART_SUMS = range(54, 56)
# More plugs: of sparse rows, see `skreg._kernels.sparse`; of targets that are probabilities; of
# clipping and of dropout.
GATHER_PLUG, DROP_ENTRIES_PLUG, PRODUCT_PLUG, GRADIENT_PLUG = range(56, 60)
LABELS_PLUG, CLIP_PLUG, DROP_INPUTS_PLUG, DROP_UNITS_PLUG = range(60, 64)
# Of words of 64 bits: which values and deltas of a batch are not zero, by rows and by columns;
# products that are not complete; see `skreg._kernels.zeros`.
NOTES, DELTA_NOTES, COLUMN_NOTES, PARTIAL_SUMS, SKIP_PLUG, CHOICE_PLUG = range(64, 70)
N_SLOTS = 70

# Rows of the layout table; level 0 is the input, matrix k leads from level k to level k + 1.
UNITS, ACTIVATION, THRESHOLD, LEAD, VALUES, DELTAS, SKIPS, NOTES_AT = range(8)  # per level
PANELS, ROWS_OF, WEIGHTS_AT, BIASES_AT, TURNED_AT, TILES_AT = range(8, 14)  # per matrix
FROZEN, COLUMN_NOTES_AT = range(14, 16)  # per matrix
N_FIELDS = 16
NEVER, NOT_NOW, NOW = -1, 0, 1  # whether the zeros of a level are skipped

# Numbers that change between epochs: what the loop tells the kernels and what they report.
# A draw of at least 0 numbers the dropout masks with which rows are evaluated.
RATE, STEPS, DRAW, LOSS_SUM, WEIGHT_SUM, PENALTY_SUMS = range(6)
L1_TERM, L2_TERM, GROUP_TERM, ANCHOR_TERM = range(4)  # blocks of SUMS, places in PENALTY_SUMS
N_TERMS = 4
N_REPORTS = PENALTY_SUMS + N_TERMS


class Source(NamedTuple):
    """Rows: dense with these steps between rows and columns, or CSR where ``row_step`` is 0."""

    slot: int
    row_step: int
    column_step: int
    n_targets: int
    is_weighted: int
    smoothing: float  # how much of every label is spread over all classes


class Objective(NamedTuple):
    """The loss, its parameter, the link to predictions, and the seed of the noise in front."""

    loss: int  # SOFT_LOG_LOSS: labels become rows of probabilities as they are gathered
    parameter: float
    link: int  # applied to the outputs of validation rows; the identity leaves them raw
    seed: int


class _Fields(NamedTuple):
    table: np.ndarray  # int64, (N_SLOTS, 2): address and size
    kind: np.ndarray  # empty; carries the compute dtype
    layout: np.ndarray  # int64, (N_FIELDS, n_levels)
    report: np.ndarray  # float64
    objective: Objective
    rule: Rule
    train: Source
    valid: Source
    batch_size: int
    chunk_size: int  # rows at a time where no update follows
    n_parts: int  # of a batch, each with a gradient of its own; see `skreg._kernels.replicas`
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
            item = ir.Constant(size.type, kind.bitwidth // 8)
            out = context.make_array(vector)(context, builder)
            data = builder.inttoptr(address, context.get_value_type(kind).as_pointer())
            populate_array(out, data, [size], [item], item, None)
            return out._getvalue()

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
        out = context.make_array(kind)(context, builder)
        item = ir.Constant(args[2].type, kind.dtype.bitwidth // 8)
        populate_array(out, builder.gep(data, [args[1]]), [args[2]], [item], item, None)
        return out._getvalue()

    return vector(vector, types.intp, types.intp), codegen


if numba.config.DISABLE_JIT:

    def part(vector, start, size):
        """Return the ``size`` numbers of a vector that begin at ``start``."""
        return vector[start : start + size]


@jit
def lanes_of(job):
    """Return how many numbers of the job's dtype one vector holds."""
    return VECTOR_BYTES // job.kind.itemsize
