"""The parts of a batch: the gradients and sums that each has of its own.

Two sides of the memory serve alternate batches, so that no member of a team writes what another
still reads.
"""

from typing import NamedTuple

from skreg._jit import jit
from skreg._kernels.job import GRADIENT, PART_GRADIENTS, PART_SUMS, doubles, numbers, part
from skreg._kernels.tiles import PLUS

SIDES = 2
NOTHING_TO_ADD = -1  # in place of a side where no gradients of parts are to be added up


class Batch(NamedTuple):
    """A batch to learn from.

    ``side`` is NOTHING_TO_ADD where the batch has no parts, so that its gradient is summed as it
    is learned from, and where every part has been added to those before it.
    """

    n_rows: int
    side: int  # where the gradients of its parts are


@jit
def part_gradient(job, number, side):
    """Return the gradient of part ``number`` of a batch on a side; NOTHING_TO_ADD: of the batch."""
    size = numbers(job, GRADIENT).size
    if side == NOTHING_TO_ADD:
        return numbers(job, GRADIENT)
    return part(numbers(job, PART_GRADIENTS), (side * job.n_parts + number) * size, size)


@jit
def part_sums(job, number, side):
    """Return loss and weight of part ``number`` of a batch on a side of the exchange.

    A member without others to read them keeps all on one side.
    """
    size = doubles(job, PART_SUMS).size // (SIDES * job.n_parts)  # a cache line apart
    at = (max(side, 0) * job.n_parts + number) * size
    return part(doubles(job, PART_SUMS), at, 2)


@jit
def add_gradients(job, side, start, size, n_parts, mode):
    """Add up a stretch of the gradients of parts: STORE those of two or more, PLUS adds any."""
    out = part(numbers(job, GRADIENT), start, size)
    so_far = out if mode == PLUS else part(part_gradient(job, 0, side), start, size)
    for number in range(0 if mode == PLUS else 1, n_parts):
        more = part(part_gradient(job, number, side), start, size)
        for i in range(size):
            out[i] = so_far[i] + more[i]
        so_far = out
