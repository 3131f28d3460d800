"""Products without the zeros of their left matrix: of the rows, and of what ReLU leaves.

Most of a picture, of a one-hot block or of a layer of ReLU is zeros, all the more under dropout,
and each of them spares a row of multiply-adds in ``C = A B``. Rows of A are then taken one at a
time, 64 numbers of it after the other (see `skreg._kernels.skipping`). Every element of C is
still summed in increasing order of k, and adding a zero changes no sum (but for the sign of a sum
that is zero itself), so a product has the bits that it has with all zeros multiplied; what is
skipped is a matter of speed alone.

The zeros of a level are noted row by row when its products are computed; a gradient sums over
rows, so its notes are those of the rows, transposed. Whether a level has zeros enough is asked
anew after each epoch.
"""

import numba
import numpy as np

from skreg._jit import jit
from skreg._kernels.job import (
    COLUMN_NOTES,
    COLUMN_NOTES_AT,
    DELTA_NOTES,
    LEAD,
    MEMORY,
    NEVER,
    NOT_NOW,
    NOTES,
    NOTES_AT,
    NOW,
    PADDED_FAN_IN,
    PARTIAL_SUMS,
    SKIPS,
    UNITS,
    VALUES,
    lanes_of,
    numbers,
    part,
    words,
)
from skreg._kernels.lanes import count
from skreg._kernels.matmul import (
    Multiplication,
    count_panels,
    fetch_to_update,
    is_half,
    product,
    product_reference,
    whole_tiles,
)
from skreg._kernels.scratch import stack_array
from skreg._kernels.skipping import (
    BACKWARD,
    MOST_PANELS,
    WEIGHT_GRADIENT,
    WORD,
    Notes,
    TileShape,
    count_bits,
    nonzero_bits,
    skipping_tiles,
    transpose_bits,
)
from skreg._kernels.team import share
from skreg._kernels.tiles import ADD, MULTIPLY, PLUS, STORE, Numbers, Panels

# Above the first share of numbers that are not zero, the zeros of a level are not even noted;
# above the second, weighed with what skipping costs, those of a block, or of all rows, are
# multiplied.
MOST_DENSITY, MOST_WORK = 0.75, 0.85


@jit
def skip(job, what, level, place, task):
    """Carry out a `Multiplication` without the zeros of its left side; a plug.

    The arguments are those of `skreg._kernels.network.multiply`.
    """
    layout = job.layout
    per_row = n_words(layout[UNITS, level])
    known = words(job, DELTA_NOTES if what == BACKWARD else NOTES)
    row = place[1] if what == WEIGHT_GRADIENT else place[0]
    notes = Notes(known, layout[NOTES_AT, level] + row * per_row, per_row, 1)
    if what == WEIGHT_GRADIENT:
        skip_in_columns(job, notes, level, place[0], task)
    else:
        shape = task.n_rows, task.depth
        note_rows(task.a, shape, notes)
        n_panels = count_panels(task)
        if are_few(notes, shape, n_panels // count_groups(n_panels)):
            skipping_product(task, notes, partial_rows(job, row))
        else:
            product(whole_tiles(task))
    return True


@jit
def skip_in_columns(job, known, k, column, task):
    """Carry out a `Multiplication` whose left side is transposed: its rows are columns of a level.

    From ``column`` on, these are taken 64 at a time; their zeros are ``known`` by rows.
    """
    stride = job.layout[PADDED_FAN_IN, k]
    noted = words(job, COLUMN_NOTES)
    for start in range(0, task.n_rows, WORD):
        n_rows = min(WORD, task.n_rows - start)
        first = column + start
        notes = Notes(noted, job.layout[COLUMN_NOTES_AT, k] + first, 1, stride)
        for i in range(0, task.depth, WORD):
            out = part(noted, notes.start + i // WORD * stride, n_rows)
            note_columns(known, (i, min(i + WORD, task.depth)), first, out)
        a, b, c, _, depth, n_columns, mode, updated = task
        a = Numbers(a.values, a.start + start * a.row, a.row, a.column)
        c = Panels(c.values, c.start + start * c.row, c.row, c.panel)
        some = Multiplication(a, b, c, n_rows, depth, n_columns, mode, updated)
        skipping_product(some, notes, partial_rows(job, 0))


@jit
def n_words(n):
    """Return how many words note the zeros of ``n`` numbers."""
    return (n + WORD - 1) // WORD


@jit
def note_rows(a, shape, notes):
    """Note the zeros of the rows of a matrix of ``shape``."""
    n_rows, n_columns = shape
    for i in range(n_rows):
        for j in range(0, n_columns, WORD):
            bits = nonzero_bits(a.values, a.start + i * a.row + j)
            if n_columns - j < WORD:
                bits &= (np.uint64(1) << np.uint64(n_columns - j)) - np.uint64(1)
            notes.words[notes.start + i * notes.row + j // WORD * notes.block] = bits


@jit
def note_columns(known, rows, first, notes):
    """Note the zeros of columns from ``first`` on, a word each, in up to 64 rows of a matrix.

    They are ``known`` row by row; there are as many columns as ``notes`` has words.
    """
    square = stack_array(known.words)
    shift = np.uint64(first % WORD)
    continues = shift > 0 and first // WORD + 1 < known.row
    for i in range(WORD):
        at = known.start + (rows[0] + i) * known.row + first // WORD
        square[i] = np.uint64(0)
        if rows[0] + i < rows[1]:
            square[i] = known.words[at] >> shift
            if continues:
                square[i] |= known.words[at + 1] << (np.uint64(WORD) - shift)
    transpose_bits(square)
    for j in range(notes.size):
        notes[j] = square[j]


@jit
def count_groups(n_panels):
    """Return into how many groups of nearly equal size panels are divided."""
    return (n_panels + MOST_PANELS - 1) // MOST_PANELS


def _skipping_product(task, notes, partial):
    """Compute what `skreg._kernels.matmul.product` computes, without the zeros of A.

    ``partial`` has room for as many rows of sums that are not complete and may not be left in C.
    Blocks of 64 columns of A with few zeros are multiplied as a whole, those in a row at once,
    where their sums may stay in C.
    """
    a, b, c, n_rows, depth, n_columns, mode, updated = task
    width = count(a.values)
    n_panels, waits = count_panels(task), mode == MULTIPLY or mode == PLUS
    n_groups, n_blocks = count_groups(n_panels), n_words(depth)
    for g in range(n_groups):
        p, last = share(g, n_groups, n_panels, 1)
        n_halves = np.int64(is_half(last * width - n_columns, width))
        complete = Panels(c.values, c.start + p * c.panel, c.row, c.panel)
        waiting = partial if waits else complete
        block = 0
        while block < n_blocks:
            many = 0 if waits else count_many(notes, (n_rows, depth), block, last - p)
            k, stop = block * WORD, block + max(many, 1)
            is_last = stop == n_blocks
            old, new = complete if block == 0 else waiting, complete if is_last else waiting
            begin = ADD if block > 0 or mode == ADD else STORE
            end = mode if is_last and mode != ADD else STORE
            left = Numbers(a.values, a.start + k * a.column, a.row, a.column)
            right = Panels(b.values, b.start + p * b.panel + k * b.row, b.row, b.panel)
            fetched = n_rows * block // n_blocks, n_rows * stop // n_blocks
            fetch_to_update(task, fetched, (p, last))
            if many == 0:
                at = notes.start + block * notes.block
                here = Notes(notes.words, at, notes.row, notes.block)
                shape = TileShape(n_rows, last - p, n_halves)
                sums = (old, np.int64(begin)), (new, np.int64(end))
                skipping_tiles(left, here, right, sums, shape)
            else:
                sizes = (
                    n_rows,
                    min(depth, stop * WORD) - k,
                    min(last * width, n_columns) - p * width,
                )
                nothing = part(updated, 0, 0)
                some = Multiplication(left, right, complete, *sizes, np.int64(begin), nothing)
                product(whole_tiles(some))
            block = stop


@jit
def count_many(notes, shape, block, n_panels):
    """Return how many blocks of columns in a row, from ``block`` on, have few zeros."""
    n_rows, depth = shape
    stop = block
    while stop * WORD < depth:
        here = Notes(notes.words, notes.start + stop * notes.block, notes.row, notes.block)
        if are_few(here, (n_rows, min(depth - stop * WORD, WORD)), n_panels):
            break
        stop += 1
    return stop - block


@jit
def are_few(notes, shape, n_panels):
    """Return whether so few numbers of a matrix are not zero that tiles gain by skipping.

    A number that is not zero costs a tile about one instruction more than its panels.
    """
    n_rows, size = shape
    n_nonzero = 0
    for i in range(n_rows):
        for b in range(n_words(size)):
            n_nonzero += count_bits(notes.words[notes.start + i * notes.row + b * notes.block])
    return n_nonzero * (n_panels + 1) <= MOST_WORK * n_panels * n_rows * size


def _skipping_product_reference(task, notes, partial):
    product_reference(task)


if numba.config.DISABLE_JIT:
    skipping_product = _skipping_product_reference
else:
    skipping_product = jit(_skipping_product)


@jit
def partial_rows(job, first):
    """Return the room for sums of batch rows from ``first`` on that are not complete."""
    width = lanes_of(job)
    row = MOST_PANELS * width
    return Panels(numbers(job, PARTIAL_SUMS), first * row, row, width)


@jit
def choose(job, n_rows):
    """Decide by the first rows of the last batch which levels' zeros the next epoch skips; a plug.

    The rows must be such as the same member has taken forward in any team.
    """
    layout, memory = job.layout, numbers(job, MEMORY)
    n_rows = min(n_rows, WORD)
    for level in range(layout.shape[1] - 1):
        if layout[SKIPS, level] == NEVER or n_rows == 0:
            continue
        n_nonzero, n_units = 0, layout[UNITS, level]
        for i in range(n_rows):
            row = part(memory, layout[VALUES, level] + i * layout[LEAD, level], n_units)
            for j in range(n_units):
                n_nonzero += row[j] != 0
        layout[SKIPS, level] = NOW if n_nonzero <= MOST_DENSITY * n_rows * n_units else NOT_NOW
    return True
