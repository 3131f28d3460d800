"""Where parameters and activations lie: units to offsets, flat vectors to views, initial weights.

Users see one flat vector with `coefs_` and `intercepts_` as views. Kernels see the *packed*
vector: the same numbers in vector panels, padded with zeros (see `skreg._kernels.matmul`).
"""

import mmap
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skreg._kernels import job
from skreg._kernels.matmul import pack, unpack
from skreg._kernels.simd import CACHE_LINE, lanes
from skreg._kernels.skipping import WORD
from skreg._kernels.tiles import TILE_ROWS

SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


def aligned_zeros(size, dtype):
    """Return zeros that begin on a cache line, so that no vector straddles two."""
    dtype = np.dtype(dtype)
    raw = np.zeros(size * dtype.itemsize + CACHE_LINE, dtype=np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + size * dtype.itemsize].view(dtype)


def returned_memory(size, dtype):
    """Return an array whose memory goes back to the system as soon as nobody uses it.

    The allocator would keep what lies below memory that was taken later.
    """
    dtype = np.dtype(dtype)
    n_bytes = size * dtype.itemsize
    if n_bytes < mmap.ALLOCATIONGRANULARITY:
        return np.empty(size, dtype)
    try:  # a copy on write: another process that this one forks into has memory of its own
        return np.frombuffer(mmap.mmap(-1, n_bytes, access=mmap.ACCESS_COPY), dtype)
    except (OSError, OverflowError) as error:
        raise MemoryError(
            f"The {size:,} weights of the network need {n_bytes / 2**30:,.1f} GiB, more than there "
            "is; choose smaller hidden_layer_sizes, or fewer features."
        ) from error


def round_up(n, grain):
    """Return a whole number, or an array of them, rounded up to multiples of ``grain``."""
    return -(-n // grain) * grain


def _lead(n_units, dtype):
    """Return a distance between rows that spreads them over all sets of the caches.

    An odd number of cache lines: at a power of two, the rows that a gradient walks down would
    all fall on the same few sets.
    """
    line = CACHE_LINE // dtype.itemsize
    n_lines = round_up(n_units, max(TILE_ROWS, line)) // line
    return line * (n_lines + (n_lines % 2 == 0))


class Sizes(NamedTuple):
    """How much memory a layout asks for, in numbers of the compute dtype."""

    weights: int  # parameters without biases
    parameters: int
    transposed: int
    memory: int
    tiles: int
    rows: int  # of a batch
    input: int  # numbers of a batch's input rows
    notes: int  # words for the zeros of a batch, row by row
    column_notes: int  # the same column by column


def make_layout(units, activations, dtype, n_rows, is_sparse=False, has_input_delta=False):
    """Return the layout table of a network and its `Sizes`, for batches of ``n_rows``.

    Parameters
    ----------
    units : sequence of int, shape (n_levels,)
        Features, hidden units, outputs.
    activations : sequence of int, shape (n_levels - 1,)
        Codes of the activations; the last one is the identity.
    dtype : numpy dtype
        Of all computations.
    n_rows : int
        Largest number of rows in a batch.
    is_sparse : bool
        Whether the input never lies in the workspace.
    has_input_delta : bool
        Whether the loss is differentiated with respect to the input as well.

    Returns
    -------
    table : array of int64, shape (job.N_FIELDS, n_levels)
        Its rows are named in `skreg._kernels.job`; columns of matrices end one level early.
    sizes : Sizes
    """
    key = tuple(units), tuple(activations), np.dtype(dtype), n_rows, is_sparse, has_input_delta
    table, sizes = _layout(*key)
    return table.copy(), sizes


@lru_cache(maxsize=128)  # the fits of a search share it
def _layout(units, activations, dtype, n_rows, is_sparse, has_input_delta):
    width = lanes(dtype)
    units = np.array(units, dtype=np.int64)
    fan_in, fan_out = units[:-1], units[1:]
    lead = np.array([_lead(int(n), dtype) for n in units], dtype=np.int64)
    level_sizes = lead * round_up(n_rows, TILE_ROWS)
    values, n_values = _places(np.append(0 if is_sparse else level_sizes[0], level_sizes[1:]))
    deltas, n_deltas = _places(np.append(level_sizes[0] * has_input_delta, level_sizes[1:]))
    panels, rows = round_up(fan_out, width) // width, round_up(fan_in, TILE_ROWS)
    weights, n_weights = _places(panels * width * rows)
    biases, n_biases = _places(panels * width)
    transposed_sizes = round_up(fan_in, width) * fan_out
    transposed_sizes[0] *= has_input_delta
    transposed, n_transposed = _places(transposed_sizes)
    tiles, n_tiles = _places(rows // TILE_ROWS)
    table = np.zeros((job.N_FIELDS, units.size), dtype=np.int64)
    table[job.UNITS] = units
    table[job.ACTIVATION, 1:] = activations
    table[job.LEAD], table[job.VALUES], table[job.DELTAS] = lead, values, n_values + deltas
    table[job.PANELS, :-1], table[job.PADDED_FAN_IN, :-1] = panels, rows
    table[job.WEIGHTS_AT, :-1], table[job.BIASES_AT, :-1] = weights, n_weights + biases
    table[job.TRANSPOSED_AT, :-1], table[job.TILES_AT] = transposed, np.append(tiles, n_tiles)
    notes, n_notes = _places(n_rows * round_up(units, WORD) // WORD)
    column_notes, n_column_notes = _places(rows * round_up(n_rows, WORD) // WORD)
    table[job.SKIPS] = job.NEVER
    table[job.NOTES_AT], table[job.COLUMN_NOTES_AT, :-1] = notes, column_notes
    return table, Sizes(
        weights=n_weights, parameters=n_weights + n_biases, transposed=n_transposed,
        memory=n_values + n_deltas, tiles=n_tiles, rows=n_rows, input=int(level_sizes[0]),
        notes=n_notes, column_notes=n_column_notes,
    )  # fmt: skip


def _places(sizes):
    """Return where each of consecutive blocks begins, and where the last one ends."""
    ends = np.cumsum(sizes)
    return ends - sizes, int(ends[-1])


def scattered(values, places, n):
    """Return ``n`` rows of zeros, but with values at some places."""
    out = np.zeros((n, *values.shape[1:]), values.dtype)
    out[places] = values
    return out


def flat_parameters(coefs, intercepts):
    """Return weights and biases, one array per layer, as a new flat vector."""
    check_shapes(coefs, intercepts, coefs[0].shape[0])
    return np.concatenate([np.ravel(part) for part in (*coefs, *intercepts)])


def units_of(coefs):
    """Return the units of all levels of a network with these weight matrices."""
    return (coefs[0].shape[0], *(coef.shape[1] for coef in coefs))


def check_shapes(coefs, intercepts, n_inputs):
    """Refuse parameters that a user has put there and that do not fit together."""
    if len(coefs) != len(intercepts):
        raise ValueError(
            f"There are {len(coefs)} arrays in coefs_ and {len(intercepts)} in intercepts_; give "
            "one of each per layer."
        )
    for k, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        if coef.shape != (n_inputs, intercept.size):
            raise ValueError(
                f"coefs_[{k}] has the shape {coef.shape}, but there are {n_inputs} units below it "
                f"and {intercept.size} biases in intercepts_[{k}]; give arrays that fit together."
            )
        n_inputs = intercept.size


def weights_dtype(coefs):
    """Return the dtype to compute in: float32 if all weights are, or else float64."""
    for coef in coefs:
        if coef.dtype != SINGLE:
            return DOUBLE
    return SINGLE


def n_parameters(units):
    """Return how many weights and biases a network has."""
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(units))


def views(flat, units):
    """Return coefs and intercepts as views of ``flat``: all matrices first, then all biases."""
    coefs, intercepts, start = [], [], 0
    for fan_in, fan_out in pairwise(units):
        coefs.append(flat[start : start + fan_in * fan_out].reshape(fan_in, fan_out))
        start += fan_in * fan_out
    for fan_out in units[1:]:
        intercepts.append(flat[start : start + fan_out])
        start += fan_out
    return coefs, intercepts


def pack_parameters(layout, flat, packed):
    """Write the parameters of ``flat`` into the packed vector; padding is left as it is."""
    pack_arrays(layout, *views(flat, layout[job.UNITS].tolist()), packed)


def pack_arrays(layout, coefs, intercepts, packed):
    """Do as `pack_parameters` with one array per layer."""
    for k, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        pack(coef, packed, layout[job.WEIGHTS_AT, k], layout[job.PADDED_FAN_IN, k])
        packed[layout[job.BIASES_AT, k] :][: intercept.size] = intercept


def unpack_parameters(layout, packed, flat):
    """Write the parameters of the packed vector into ``flat``."""
    coefs, intercepts = views(flat, layout[job.UNITS].tolist())
    for k, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        unpack(packed, layout[job.WEIGHTS_AT, k], layout[job.PADDED_FAN_IN, k], coef)
        intercept[:] = packed[layout[job.BIASES_AT, k] :][: intercept.size]


def initial_parameters(units, factors, random_state, dtype):
    """Draw the flat vector of starting weights and biases as scikit-learn draws them.

    Uniform within ``+- sqrt(factor / (fan_in + fan_out))`` (Glorot & Bengio 2010), matrix by
    matrix, each followed by its bias; ``factors`` has one number per matrix.
    """
    flat = returned_memory(n_parameters(units), dtype)
    coefs, intercepts = views(flat, units)
    for factor, coef, intercept in zip(factors, coefs, intercepts, strict=True):
        bound = np.sqrt(factor / sum(coef.shape))
        coef[:] = random_state.uniform(-bound, bound, coef.shape)
        intercept[:] = random_state.uniform(-bound, bound, intercept.shape)
    return flat
