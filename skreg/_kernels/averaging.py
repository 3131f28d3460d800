"""An exponential moving average of the parameters, from which predictions come."""

from skreg._jit import jit
from skreg._kernels.job import (
    AVERAGE,
    PANELS,
    WEIGHTS,
    lanes_of,
    numbers,
    packed_at,
    part,
)


@jit
def average_rows(job, k, rows):
    """Move the average of weight rows ``rows[0]:rows[1]`` of matrix k towards the weights."""
    layout, width = job.layout, lanes_of(job)
    for p in range(layout[PANELS, k]):
        at = packed_at(job, k, p, rows[0])
        average(job, at, (rows[1] - rows[0]) * width)


@jit
def average(job, start, size):
    """Compute ``mean <- decay mean + (1 - decay) w`` (Polyak & Juditsky 1992, exponential)."""
    number = job.kind.dtype.type
    decay, rest = number(job.rule.averaging), number(1.0 - job.rule.averaging)
    mean = part(numbers(job, AVERAGE), start, size)
    weights = part(numbers(job, WEIGHTS), start, size)
    for i in range(size):
        mean[i] = decay * mean[i] + rest * weights[i]
