"""Rows of a batch, a member's scratch, and the codes of the transforms that work on them."""

from typing import NamedTuple

from skreg._jit import jit
from skreg._kernels.job import LEAD, MEMORY, SCRATCH, UNITS, VALUES, indices, numbers, part
from skreg._kernels.lanes import count, load, load_first, store, store_first
from skreg._kernels.team import share
from skreg._kernels.tiles import TILE_ROWS

GAUSSIAN_NOISE, MIXUP, FEATURE_SWAP, CUT_OUT, IMAGE_TRANSFORM, ADVERSARIAL = range(6)
N_PARAMETERS = 10  # of a transform; the first is its code


class Member(NamedTuple):
    """A member of a team that changes its rows of a batch."""

    tid: int
    n_threads: int  # of the team
    rows: tuple  # the first of them, and the one after the last


@jit
def member_of(tid, team, n_rows):
    """Return the `Member` whose rows of a batch are those that it gathers."""
    return Member(tid, team.n_threads, share(tid, team.n_threads, n_rows, TILE_ROWS))


@jit
def scratch_of(job, member, start, size):
    """Return ``size`` numbers of a member's scratch, from number ``start`` on."""
    scratch = numbers(job, SCRATCH)
    return part(scratch, scratch.size // member.n_threads * member.tid + start, size)


@jit
def int_scratch_of(job, member, size):
    """Return the beginning of a member's scratch as ``size`` integers of 32 bits.

    They take the place of as many numbers, or of half as many.
    """
    words = job.kind.itemsize // 4
    start = numbers(job, SCRATCH).size // member.n_threads * words * member.tid
    return part(indices(job, SCRATCH), start, size)


@jit
def input_row(job, i):
    """Return the features of row ``i`` of the batch."""
    layout = job.layout
    return part(numbers(job, MEMORY), layout[VALUES, 0] + i * layout[LEAD, 0], layout[UNITS, 0])


@jit
def copy(out, source):
    """Copy ``source`` to ``out``, vector by vector."""
    width = count(out)
    whole = out.size // width * width
    for j in range(0, whole, width):
        store(out, j, load(source, j))
    n_left = out.size - whole
    if n_left > 0:
        store_first(out, whole, n_left, load_first(source, whole, n_left, 0.0))
