"""The parts of a batch: the gradients and sums that each has of its own.

Two sides of the memory serve alternate batches, so that no member of a team writes what another
still reads.
"""

from skreg._jit import jit
from skreg._kernels.job import GRADIENT, PART_GRADIENTS, PART_SUMS, doubles, numbers, part

SIDES = 2


@jit
def part_gradient(job, number, side):
    """Return the gradient of part ``number`` of a batch on a side; below 0, that of the batch."""
    size = numbers(job, GRADIENT).size
    if side < 0:
        return numbers(job, GRADIENT)
    return part(numbers(job, PART_GRADIENTS), (side * job.n_parts + number) * size, size)


@jit
def part_sums(job, number, side):
    """Return loss and weight of part ``number`` of a batch on a side of the exchange."""
    size = doubles(job, PART_SUMS).size // (SIDES * job.n_parts)  # a cache line apart
    return part(doubles(job, PART_SUMS), (side * job.n_parts + number) * size, 2)


@jit
def add_gradients(job, side, start, size):
    """Add up a stretch of the gradients of all parts of a batch."""
    out = part(numbers(job, GRADIENT), start, size)
    so_far = part(part_gradient(job, 0, side), start, size)
    for number in range(1, job.n_parts):
        more = part(part_gradient(job, number, side), start, size)
        for i in range(size):
            out[i] = so_far[i] + more[i]
        so_far = out
